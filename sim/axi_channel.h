// SPDX-License-Identifier: Apache-2.0
// One master's channel of the memory that axi_memory.h describes: it takes addresses and data, answers
// when the DRAM's timing and the traffic allow it, and tells every rule that the master breaks.
#pragma once

#include <algorithm>
#include <cinttypes>
#include <stdexcept>

#include "axi_memory.h"
#include "axi_parts.h"

namespace flightllm {

constexpr uint32_t MAX_BEATS = 256;  // of a burst
constexpr uint64_t BOUNDARY = 4096;  // that it may not cross
constexpr size_t MAX_VIOLATIONS = 1000;

class AxiChannel {
public:
    AxiChannel(AxiMemory& memory, Bench& bench, const AxiPlace& place)
        : m(memory), o(memory.options), prefix(place.prefix), place(place), bench(bench),
          reset(find("rst", true)), reset_low(reset ? nullptr : find("ap_rst_n", true)),
          ar(half("ar")), aw(half("aw")), reads(o.reads), writes(o.writes),
          dram(at_width(o.dram, place.beat), place.first_refresh) {
        if (ar.there) {
            rvalid = port("rvalid"), rready = port("rready"), rdata = port("rdata");
            rlast = port("rlast"), rid = port("rid", true), rresp = port("rresp", true);
        }
        if (aw.there) {
            wvalid = port("wvalid"), wready = port("wready"), wdata = port("wdata");
            wlast = port("wlast"), wstrb = port("wstrb", true);
            bvalid = port("bvalid"), bready = port("bready");
            bid = port("bid", true), bresp = port("bresp", true);
        }
        if (!ar.there && !aw.there)
            throw std::out_of_range("There is no port " + name("arvalid") + " and none "
                                    + name("awvalid"));
        bytes = (rdata ? rdata : wdata)->bits / 8;
        const uint32_t bits = 8 * bytes;
        if (bits < 32 || bits > 1024 || (bits & (bits - 1)))
            throw std::out_of_range(name("rdata") + " must have 32 to 1024 bits, a power of two");
        if (rdata && wdata && rdata->bits != wdata->bits)
            throw std::out_of_range(name("rdata") + " and wdata must be equally wide");
        if (ar.there) ar_offer = std::make_unique<Offer>("ar", ar.valid, ar.ready, ar.payload());
        if (aw.there) {
            aw_offer = std::make_unique<Offer>("aw", aw.valid, aw.ready, aw.payload());
            w_offer = std::make_unique<Offer>("w", wvalid, wready,
                                              std::vector<Port*>{wdata, wlast, wstrb});
            // Not initialised: what no burst reaches takes no memory.
            slots.reset(new uint8_t[o.writes * slot_bytes()]);
            for (uint32_t slot = 0; slot < o.writes; ++slot) free_slots.push_back(slot);
        }
        steady = o.traffic_start == 1 << 16 && o.traffic_stop == 0;
        for (int k = 0; k < 5; ++k)
            gates[k] = {place.gates[k], o.traffic_start, o.traffic_stop};
        random = place.gates[0] * 0x9E3779B97F4A7C15 | 1;
    }

    void drive(uint64_t cycle) {
        now = int64_t(cycle) * CYCLE;
        if (in_reset()) {
            forget(cycle);
            return;
        }
        if (ar.there) {
            ar.ready->set(open(0) && !reads.full());
            if (!r_offered) offer_read();
        }
        if (aw.there) {
            aw.ready->set(open(2) && !writes.full());
            wready->set(filled < writes.size() && open(3));
            if (!b_offered) offer_response();
        }
    }

    void sample(uint64_t cycle) {
        ++c.cycles;
        c.pending += reads.size() || writes.size();
        if (in_reset()) return;
        if (ar.there) sample_read(cycle);
        if (aw.there) sample_write(cycle);
    }

    AxiCounters counters() const {
        AxiCounters all = c;
        all.row_hits = dram.count.hits;
        all.row_closed = dram.count.closed;
        all.row_misses = dram.count.misses;
        all.turnarounds = dram.count.turnarounds;
        all.refreshes = dram.count.refreshes;
        all.refresh_cycles = dram.count.refreshing / CYCLE;
        return all;
    }

    void clear_counters() {
        c = {};
        dram.count = {};
    }

    uint64_t reads_under_way() const { return reads.size(); }
    uint64_t writes_under_way() const { return writes.size(); }

private:
    // Address and handshake of one half.
    struct Half {
        bool there = false;
        Port *valid = nullptr, *ready = nullptr, *address = nullptr, *length = nullptr;
        Port *id = nullptr, *size = nullptr, *burst = nullptr, *cache = nullptr, *prot = nullptr;
        std::vector<Port*> payload() const {
            return {address, length, id, size, burst, cache, prot};
        }
    };

    AxiMemory& m;
    const AxiOptions& o;
    const std::string prefix;
    const AxiPlace place;
    Bench& bench;
    Port *reset, *reset_low;
    Half ar, aw;
    Port *rvalid = nullptr, *rready = nullptr, *rdata = nullptr, *rlast = nullptr, *rid = nullptr,
         *rresp = nullptr;
    Port *wvalid = nullptr, *wready = nullptr, *wdata = nullptr, *wlast = nullptr,
         *wstrb = nullptr;
    Port *bvalid = nullptr, *bready = nullptr, *bid = nullptr, *bresp = nullptr;
    std::unique_ptr<Offer> ar_offer, aw_offer, w_offer;
    uint32_t bytes = 0;
    bool steady;
    Gate gates[5];
    uint64_t random;

    int64_t now = 0;
    Bursts reads, writes;
    size_t reading = 0, answering = 0;   // what R and B offer
    bool started = false;                // R is inside of a burst
    bool r_offered = false, b_offered = false;
    size_t filled = 0;                   // writes whose data is complete, from the oldest
    std::unique_ptr<uint8_t[]> slots;    // data of writes, then strobes
    std::vector<uint32_t> free_slots;
    Storage::Cursor cursor;
    alignas(64) uint8_t scratch[MAX_BYTES];
    Dram dram;
    AxiCounters c{};

    static DramTiming at_width(DramTiming timing, int64_t beat) {
        timing.beat = beat;
        return timing;
    }

    // Ports.

    std::string name(const char* rest) const { return prefix + "_" + rest; }

    Port* find(const std::string& name, bool optional) {
        try {
            return &bench.port(name);
        } catch (const std::out_of_range&) {
            if (optional) return nullptr;
            throw;
        }
    }

    Port* port(const std::string& rest, bool optional = false) {
        return find(name(rest.c_str()), optional);
    }

    Half half(const std::string& way) {
        Half h;
        h.valid = port(way + "valid", true);
        if (!h.valid) return h;
        h.there = true;
        h.ready = port(way + "ready"), h.address = port(way + "addr"), h.length = port(way + "len");
        h.id = port(way + "id", true), h.size = port(way + "size", true);
        h.burst = port(way + "burst", true);
        h.cache = port(way + "cache", true), h.prot = port(way + "prot", true);
        return h;
    }

    bool in_reset() const { return reset ? reset->high() : reset_low && !reset_low->high(); }
    bool open(int gate) { return steady || gates[gate].draw(); }

    int64_t jitter() {
        if (!o.jitter) return 0;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        return int64_t(random % (o.jitter + 1)) * CYCLE;
    }

    void broken(uint64_t cycle, const std::string& sentence) {
        if (m.violations.size() < MAX_VIOLATIONS)
            m.violations.push_back({cycle, prefix, sentence});
    }

    void forget(uint64_t cycle) {
        if (reads.size() || writes.size())
            broken(cycle, text("reset came while %zu reads and %zu writes were under way",
                               reads.size(), writes.size()));
        for (Port* port : {ar.ready, aw.ready, wready, rvalid, bvalid})
            if (port) port->set(false);
        for (auto* offer : {&ar_offer, &aw_offer, &w_offer})
            if (*offer) (*offer)->forget();
        for (size_t k = 0; k < writes.size(); ++k) free_slots.push_back(writes[k].slot);
        reads.clear();
        writes.clear();
        filled = 0;
        started = r_offered = b_offered = false;
    }

    // Bursts.

    Burst accept(uint64_t cycle, const Half& half, const char* way) {
        Burst burst{};
        burst.address = number(half.address);
        burst.beats = uint32_t(number(half.length)) + 1;
        burst.id = uint32_t(number(half.id));
        const uint64_t size = uint64_t(burst.beats) * bytes;
        const auto say = [&](const char* what) {
            broken(cycle, text("%s of %u beats at 0x%" PRIx64 " ", way, burst.beats, burst.address)
                              + what);
        };
        if (burst.address % bytes) {
            say(text("is not aligned to %u bytes", bytes).c_str());
            burst.address -= burst.address % bytes;
        }
        if (burst.address / BOUNDARY != (burst.address + size - 1) / BOUNDARY)
            say("crosses 4 KiB");
        if (burst.beats > o.max_beats)
            say(text("is longer than %" PRIu64 " beats", o.max_beats).c_str());
        if (size > o.max_bytes)
            say(text("is longer than %" PRIu64 " bytes", o.max_bytes).c_str());
        if (half.burst && number(half.burst) != 1) say("is not of type INCR");
        if (half.size && 1u << number(half.size) != bytes)
            say("does not have the full width as its size");
        burst.checked = burst.address < place.base || size > place.size
                        || burst.address - place.base > place.size - size;
        for (const auto& range : m.failing)
            burst.checked |= burst.address < range.stop && range.start < burst.address + size;
        return burst;
    }

    // A burst under way in `others` that shares bytes with this one.
    void check_hazard(uint64_t cycle, const Burst& burst, Bursts& others, const char* what) {
        if (!o.hazards) return;
        for (size_t k = 0; k < others.size(); ++k) {
            const Burst& other = others[k];
            if (burst.address < other.address + uint64_t(other.beats) * bytes
                && other.address < burst.address + uint64_t(burst.beats) * bytes) {
                broken(cycle, text(what, burst.address, other.address));
                return;
            }
        }
    }

    uint8_t respond(uint64_t address) const {
        if (address < place.base || address - place.base >= place.size) return DECERR;
        uint8_t worst = OKAY;
        for (const auto& range : m.failing)
            if (address < range.stop && range.start < address + bytes)
                worst = std::max<uint8_t>(worst, range.response);
        return worst;
    }

    // The oldest that is ready, among those without an older one of the same ID.
    bool pick(Bursts& bursts, size_t count, size_t& at) {
        for (size_t k = 0; k < count; ++k) {
            bool first = bursts[k].ready <= now;
            for (size_t j = 0; first && j < k; ++j) first = bursts[j].id != bursts[k].id;
            if (first) {
                at = k;
                return true;
            }
            // Without jitter a younger one is never ready earlier.
            if (!o.jitter) return false;
        }
        return false;
    }

    // Reads.

    void offer_read() {
        rvalid->set(false);
        if (!started && !pick(reads, reads.size(), reading)) return;
        Burst& burst = reads[reading];
        if (burst.ready + int64_t(burst.done) * place.beat > now || !open(1)) return;
        started = r_offered = true;
        const uint64_t address = burst.address + uint64_t(burst.done) * bytes;
        const uint8_t response = burst.checked ? respond(address) : uint8_t(OKAY);
        const uint8_t* data = scratch;
        if (response != OKAY) std::memset(scratch, 0, bytes);
        else if (!m.storage.view(cursor, address, bytes, scratch, data)) ++c.untouched;
        uint32_t words[MAX_WORDS];
        std::memcpy(words, data, bytes);
        rdata->write(words);
        rlast->set(burst.done + 1 == burst.beats);
        put(rid, burst.id);
        put(rresp, response);
        c.errors += response != OKAY;
        rvalid->set(true);
    }

    void sample_read(uint64_t cycle) {
        const auto say = [&](const std::string& sentence) { broken(cycle, sentence); };
        if (r_offered) {
            ++c.r_valid;
            if (rready->high()) {
                r_offered = false;
                ++c.beats_read;
                if (++reads[reading].done == reads[reading].beats) {
                    reads.erase(reading);
                    started = false;
                }
            } else {
                ++c.r_stalled;
            }
        }
        if (!ar_offer->sample(say)) return;
        Burst burst = accept(cycle, ar, "a read");
        check_hazard(cycle, burst, writes,
                     "a read at 0x%" PRIx64 " overlaps the unanswered write at 0x%" PRIx64);
        burst.ready = dram.schedule(now, burst.address, burst.beats, bytes, false) + place.latency
                      + jitter();
        reads.push(burst);
        ++c.bursts_read;
    }

    // Writes.

    size_t slot_bytes() const { return size_t(MAX_BEATS) * (bytes + MAX_WORDS / 2); }
    uint8_t* data_of(const Burst& burst) { return slots.get() + burst.slot * slot_bytes(); }
    uint8_t* strobes_of(const Burst& burst) { return data_of(burst) + size_t(MAX_BEATS) * bytes; }

    void sample_write(uint64_t cycle) {
        const auto say = [&](const std::string& sentence) { broken(cycle, sentence); };
        if (b_offered && bready->high()) {
            b_offered = false;
            free_slots.push_back(writes[answering].slot);
            writes.erase(answering);
            --filled;
        }
        if (w_offer->sample(say)) take_data(cycle);
        if (!aw_offer->sample(say)) return;
        Burst burst = accept(cycle, aw, "a write");
        check_hazard(cycle, burst, writes,
                     "a write at 0x%" PRIx64 " overlaps the unanswered write at 0x%" PRIx64);
        check_hazard(cycle, burst, reads,
                     "a write at 0x%" PRIx64 " overlaps the unanswered read at 0x%" PRIx64);
        burst.slot = free_slots.back();
        free_slots.pop_back();
        burst.ready = INT64_MAX;
        writes.push(burst);
        ++c.bursts_written;
    }

    void take_data(uint64_t cycle) {
        Burst& burst = writes[filled];
        uint32_t words[MAX_WORDS];
        wdata->read(words);
        std::memcpy(data_of(burst) + size_t(burst.done) * bytes, words, bytes);
        if (wstrb) {
            wstrb->read(words);
            std::memcpy(strobes_of(burst) + size_t(burst.done) * MAX_WORDS / 2, words,
                        4 * wstrb->words());
        }
        ++burst.done;
        ++c.beats_written;
        const bool last = burst.done == burst.beats;
        if (wlast->high() != last)
            broken(cycle, text("wlast is %d in beat %u of %u", !last, burst.done, burst.beats));
        if (!last) return;
        burst.ready = dram.schedule(now, burst.address, burst.beats, bytes, true)
                      + int64_t(burst.beats) * place.beat + place.latency + jitter();
        ++filled;
    }

    void offer_response() {
        bvalid->set(false);
        if (!pick(writes, filled, answering) || !open(4)) return;
        Burst& burst = writes[answering];
        for (uint32_t k = 0; k < burst.beats; ++k) {
            const uint64_t address = burst.address + uint64_t(k) * bytes;
            const uint8_t response = burst.checked ? respond(address) : uint8_t(OKAY);
            burst.response = std::max(burst.response, response);
            if (response == OKAY) commit(burst, k, address);
        }
        c.errors += burst.response != OKAY;
        put(bid, burst.id);
        put(bresp, burst.response);
        bvalid->set(true);
        b_offered = true;
    }

    void commit(const Burst& burst, uint32_t beat, uint64_t address) {
        const uint8_t* data = data_of(burst) + size_t(beat) * bytes;
        const uint8_t* strobes = strobes_of(burst) + size_t(beat) * MAX_WORDS / 2;
        const auto enabled = [&](uint32_t k) { return !wstrb || (strobes[k / 8] >> k % 8 & 1); };
        for (uint32_t k = 0; k < bytes;) {
            const uint32_t start = k;
            while (k < bytes && enabled(k)) ++k;
            if (k > start) m.storage.write(address + start, data + start, k - start);
            else ++k;
        }
    }
};

}  // namespace flightllm
