// SPDX-License-Identifier: Apache-2.0
// A model for the tests: counts transfers of the stream o, and draws traffic.
#include "harness.h"

namespace {

struct Counter : flightllm::Model {
    flightllm::Port &valid, &ready;
    uint64_t& count;

    Counter(flightllm::Bench& bench, uint64_t& count)
        : valid(bench.port("o_valid")), ready(bench.port("o_ready")), count(count) {}
    void drive(uint64_t cycle) override { ready.set(cycle % 3 == 0); }
    void sample(uint64_t) override { count += valid.high() && ready.high(); }
};

}  // namespace

extern "C" void attach_counter(flightllm::Bench* bench, uint64_t* count) {
    bench->attach(std::make_unique<Counter>(*bench, *count));
}

extern "C" void draw(uint32_t state, uint32_t start, uint32_t stop, uint32_t count, uint8_t* to) {
    flightllm::Gate gate{state, start, stop};
    while (count--) *to++ = gate.draw();
}
