// SPDX-License-Identifier: Apache-2.0
// When a DRAM channel moves the bytes of a burst: rows, banks, refresh, turnarounds, peak rate.
//
// A burst is scheduled once, when it arrives, by a few comparisons; nothing is done in a cycle
// without one. The controller serves in order but looks ahead: a row is opened while the data of
// earlier bursts is still on the bus, in time for the bus to go on, unless the limits on
// activations forbid it. Time is counted in 65536ths of the kernel's cycle, in integers, so that
// every machine gives the same cycles.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace flightllm {

constexpr int64_t CYCLE = 1 << 16;

// Shared with memory.py; boards/timing.py explains the fields. Times are in 65536ths of a cycle.
struct DramTiming {
    int64_t hit, closed, miss;
    int64_t beat;       // of the port's width, at the channel's peak; 0: no DRAM, a fixed latency
    int64_t minimum;    // the bus is taken for this long by the smallest burst
    int64_t activate;   // between activations
    int64_t bank;       // between activations of one bank
    int64_t turnaround, turnaround_batch;
    int64_t refresh_interval, refresh_stall;
    int64_t row_bytes, banks;
};

class Dram {
public:
    struct Counters {
        uint64_t hits = 0, closed = 0, misses = 0, turnarounds = 0, refreshes = 0;
        int64_t refreshing = 0;
    };

    Dram(const DramTiming& timing, int64_t first_refresh)
        : t(timing), next_refresh(first_refresh), open(timing.banks, -1),
          bank_free(timing.banks, 0) {}

    // The first beat's time, of a burst that arrives now. Beat k follows k * t.beat later.
    int64_t schedule(int64_t now, uint64_t address, uint32_t beats, uint32_t beat_bytes,
                     bool write) {
        if (!t.beat) return now + t.hit;
        int64_t command = std::max(now, bus_free - t.hit);
        if (write != writing) {
            writing = write;
            // Within a batch the controller has put bursts of one direction together.
            if (command - turned >= t.turnaround_batch) {
                turned = command;
                ++count.turnarounds;
                bus_free += t.turnaround;
                command = std::max(now, bus_free - t.hit);
            }
        }
        while (t.refresh_interval && command >= next_refresh) {
            refreshed = std::max(next_refresh, bus_free - t.hit) + t.refresh_stall;
            next_refresh += t.refresh_interval;
            command = std::max(command, refreshed);
            std::fill(open.begin(), open.end(), -1);
            ++count.refreshes;
            count.refreshing += t.refresh_stall;
        }
        int64_t total = 0;
        for (const uint64_t end = address + uint64_t(beats) * beat_bytes; address < end;) {
            const uint64_t row = address / t.row_bytes;
            const uint64_t part = std::min(end, (row + 1) * t.row_bytes) - address;
            const int64_t duration =
                std::max<int64_t>(t.beat * int64_t(part) / beat_bytes, t.minimum);
            const int64_t start = std::max(bus_free, open_row(row, now, command));
            bus_free = start + duration;
            command = bus_free - t.hit;
            total += duration;
            address += part;
        }
        return bus_free - total;
    }

    Counters count;

private:
    const DramTiming t;
    int64_t bus_free = 0, activate_free = 0, next_refresh, refreshed = 0, turned = INT64_MIN / 2;
    bool writing = false;
    std::vector<int64_t> open, bank_free;

    // When data of the row can be on the bus.
    int64_t open_row(uint64_t row, int64_t now, int64_t command) {
        // Neighbouring rows are in different banks, and so are most strides.
        const uint64_t bank = (row ^ row / t.banks ^ row / t.banks / t.banks) % t.banks;
        if (open[bank] == int64_t(row)) {
            ++count.hits;
            return command + t.hit;
        }
        const bool closed = open[bank] < 0;
        ++(closed ? count.closed : count.misses);
        open[bank] = int64_t(row);
        const int64_t latency = closed ? t.closed : t.miss;
        const int64_t start = std::max({now, command - (latency - t.hit), refreshed, activate_free,
                                        bank_free[bank]});
        activate_free = start + t.activate;
        bank_free[bank] = start + t.bank;
        return std::max(command + t.hit, start + latency);
    }
};

}  // namespace flightllm
