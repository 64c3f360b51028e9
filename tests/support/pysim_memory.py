# SPDX-License-Identifier: Apache-2.0
"""A memory behind an AXI4 port, for Amaranth's own simulator."""

import numpy as np


def serve(axi, image, base, rng):
    """Two testbenches: one that answers reads of ``image``, one that writes into it.

    ``image`` is an array of bytes that begins at address ``base``.
    """
    size = len(axi.rdata) // 8

    async def reads(ctx):
        asked = []
        while True:
            ready = int(rng.random() < 0.8)
            ctx.set(axi.arready, ready)
            given = bool(asked) and rng.random() < 0.8
            ctx.set(axi.rvalid, given)
            if given:
                at, last = asked.pop(0)
                ctx.set(axi.rdata, int.from_bytes(image[at:at + size].tobytes(), "little"))
                ctx.set(axi.rlast, last)
            _, _, valid, address, length = await ctx.tick().sample(
                axi.arvalid, axi.araddr, axi.arlen)
            if valid and ready:
                asked += [(address - base + n * size, n == length) for n in range(length + 1)]

    async def writes(ctx):
        where, beats, answers = [], [], 0
        while True:
            ready = int(rng.random() < 0.8)
            ctx.set(axi.awready, ready)
            ctx.set(axi.wready, ready)
            ctx.set(axi.bvalid, answers > 0)
            answers -= answers > 0
            _, _, asks, address, length, valid, data, strobe = await ctx.tick().sample(
                axi.awvalid, axi.awaddr, axi.awlen, axi.wvalid, axi.wdata, axi.wstrb)
            if asks and ready:
                where += [(address - base + n * size, n == length) for n in range(length + 1)]
            if valid and ready:
                beats.append((data, strobe))
            while where and beats:
                (at, last), (data, strobe) = where.pop(0), beats.pop(0)
                raw = np.frombuffer(data.to_bytes(size, "little"), np.uint8)
                kept = [n for n in range(size) if strobe >> n & 1]
                image[at + np.array(kept, int)] = raw[kept]
                answers += last

    return reads, writes
