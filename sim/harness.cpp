// SPDX-License-Identifier: Apache-2.0
// Drives a design in batches: verilator.py calls the functions at the end. What depends on the
// design is in design.cpp, so that this is compiled once.
#include "harness.h"

#include <exception>
#include <vector>

namespace flightllm {

// A stream of one call; the first part is shared with verilator.py. A port of -1 is a constant one
// (valid, ready) or a payload of no bits.
struct Stream {
    int32_t payload, valid, ready, is_input;
    uint32_t state, start, stop, unused;
    uint64_t count, moved;
    uint32_t* items;
    uint64_t* cycles;
};

enum Outcome : int32_t { DONE, DEADLINE, VALID_TAKEN_BACK, PAYLOAD_CHANGED, FAILED = -1 };

namespace {

Port& find(Bench& bench, int32_t number, Port& other) {
    return number < 0 ? other : bench.port(number);
}

Port always{"", 1, false, nullptr};
Port nothing{"", 0, false, nullptr};

// One end of a stream, the testbench's.
class End {
public:
    End(Bench& bench, Stream& stream)
        : s(stream), gate{s.state, s.start, s.stop}, payload(find(bench, s.payload, nothing)),
          valid(find(bench, s.valid, always)), ready(find(bench, s.ready, always)),
          words(payload.words()), kept(words), now(words) {}

    bool pending() const { return s.moved < s.count; }

    void offer() {
        if (s.is_input) {
            if (held || !pending() || !gate.draw()) return;
            if (words) payload.write(s.items + s.moved * words);
            held = true;
            set(valid, true);
        } else {
            willing = pending() && gate.draw();
            set(ready, willing);
        }
    }

    Outcome sample(uint64_t cycle) {
        if (s.is_input) {
            if (held && high(ready)) moves(cycle);
            return DONE;
        }
        const bool offered = high(valid);
        if (held || (offered && !willing)) {
            if (words) payload.read(now.data());
            if (held && !offered) return VALID_TAKEN_BACK;
            if (held && now != kept) return PAYLOAD_CHANGED;
            kept.swap(now);
        }
        held = offered && !willing;
        if (offered && willing) {
            if (words) payload.read(s.items + s.moved * words);
            moves(cycle);
        }
        return DONE;
    }

    // After the edge.
    void withdraw() {
        if (!moved) return;
        moved = false;
        if (s.is_input) {
            held = false;
            set(valid, false);
        } else if (!pending()) {
            set(ready, false);
        }
    }

private:
    Stream& s;
    Gate gate;
    Port &payload, &valid, &ready;
    const uint32_t words;
    std::vector<uint32_t> kept, now;
    bool held = false, willing = false, moved = false;

    static bool high(const Port& port) { return !port.data || port.high(); }
    static void set(Port& port, bool to) { if (port.data) port.set(to); }

    void moves(uint64_t cycle) {
        s.cycles[s.moved++] = cycle;
        moved = true;
    }
};

// Exceptions do not cross into Python.
template <typename F> int32_t guarded(Bench* bench, F call) {
    try {
        return call();
    } catch (const std::exception& error) {
        bench->error = error.what();
        return FAILED;
    }
}

}  // namespace
}  // namespace flightllm

using namespace flightllm;

extern "C" {

Bench* bench_new() { return new Bench; }
void bench_free(Bench* bench) { delete bench; }
const char* bench_error(Bench* bench) { return bench->error.c_str(); }
uint64_t bench_cycle(Bench* bench) { return bench->cycle; }

int32_t bench_trace(Bench* bench, const char* path, uint64_t start, uint64_t stop) {
    return bench->trace(path, start, stop);
}
void bench_close_trace(Bench* bench) { bench->close_trace(); }

void bench_poke(Bench* bench, int32_t port, const uint32_t* words) {
    bench->port(port).write(words);
}

int32_t bench_peek(Bench* bench, int32_t port, uint32_t* words) {
    return guarded(bench, [&] {
        bench->peek();
        bench->port(port).read(words);
        return DONE;
    });
}

// Plays inputs and records outputs, one row of words a cycle.
int32_t bench_run(Bench* bench, uint64_t cycles, int32_t ins, const int32_t* in_ports,
                  const uint32_t** in_rows, int32_t outs, const int32_t* out_ports,
                  uint32_t** out_rows) {
    return guarded(bench, [&] {
        for (uint64_t n = 0; n < cycles; ++n) {
            for (int32_t k = 0; k < ins; ++k) {
                Port& port = bench->port(in_ports[k]);
                port.write(in_rows[k] + n * port.words());
            }
            bench->settle();
            for (int32_t k = 0; k < outs; ++k) {
                const Port& port = bench->port(out_ports[k]);
                port.read(out_rows[k] + n * port.words());
            }
            bench->tick();
        }
        return DONE;
    });
}

// Moves all items of all streams. `where` names the stream that ended it early.
int32_t bench_stream(Bench* bench, uint64_t deadline, int32_t count, Stream* streams,
                     int32_t* where) {
    return guarded(bench, [&] {
        std::vector<End> ends;
        ends.reserve(count);
        for (int32_t k = 0; k < count; ++k) ends.emplace_back(*bench, streams[k]);
        const auto pending = [&] {
            for (const End& end : ends)
                if (end.pending()) return true;
            return false;
        };
        for (uint64_t used = 0; pending(); ++used) {
            if (used == deadline) return DEADLINE;
            for (End& end : ends) end.offer();
            bench->settle();
            for (int32_t k = 0; k < count; ++k) {
                const Outcome outcome = ends[k].sample(bench->cycle);
                if (outcome != DONE) {
                    *where = k;
                    return outcome;
                }
            }
            bench->tick();
            for (End& end : ends) end.withdraw();
        }
        return DONE;
    });
}

}  // extern "C"
