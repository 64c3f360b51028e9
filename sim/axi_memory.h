// SPDX-License-Identifier: Apache-2.0
// AXI4 masters' memory: a channel of its own for each master, one storage behind all of them.
//
// A channel answers a design's ports <prefix>_ar*, _r*, _aw*, _w*, _b*; a master may lack the read
// or the write half, and of each half everything but address, length, data, last, valid and ready.
// Responses of one ID come in order. A read sees the storage when its data is delivered, a write
// reaches it when B is offered; a master that does not wait in between breaks a rule, and is told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dram.h"
#include "harness.h"
#include "storage.h"

namespace flightllm {

// The three structs are shared with memory.py, which explains the fields.
struct AxiOptions {
    DramTiming dram;                    // but for its beat, which depends on a port's width
    uint64_t reads, writes;             // bursts that are under way at most
    uint64_t max_beats, max_bytes;      // of a burst
    uint64_t jitter;                    // cycles, at most, that a response comes later
    uint32_t traffic_start, traffic_stop;
    uint32_t halt;                      // a broken rule ends the simulation
    uint32_t hazards;                   // overlapping bursts under way break a rule
};

struct AxiPlace {
    const char* prefix;
    uint64_t base, size;
    int64_t beat;
    int64_t latency;                    // outside of the DRAM; 65536ths of a cycle
    int64_t first_refresh;
    uint32_t gates[5];                  // of ar, r, aw, w, b: states of traffic
    uint32_t unused;
};

struct AxiCounters {
    uint64_t cycles, beats_read, beats_written, bursts_read, bursts_written;
    uint64_t r_valid, r_stalled, pending, errors, untouched;
    uint64_t row_hits, row_closed, row_misses, turnarounds, refreshes, refresh_cycles;
};

enum Response : uint8_t { OKAY = 0, SLVERR = 2, DECERR = 3 };

struct Violation {
    uint64_t cycle;
    std::string port, sentence;
};

class AxiChannel;

class AxiMemory : public Model {
public:
    AxiMemory(Bench& bench, const AxiOptions& options, const AxiPlace* places, uint32_t count);
    ~AxiMemory() override;
    void drive(uint64_t cycle) override;
    void sample(uint64_t cycle) override;

    struct Failing {
        uint64_t start, stop;
        Response response;
    };

    const AxiOptions options;
    Storage storage;
    std::vector<Failing> failing;
    std::vector<Violation> violations;
    std::vector<std::unique_ptr<AxiChannel>> channels;

private:
    size_t told = 0;                    // violations that have ended a simulation
};

}  // namespace flightllm
