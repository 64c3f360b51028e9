// SPDX-License-Identifier: Apache-2.0
// The memory and its C interface.
#include "axi_memory.h"

#include <stdexcept>

#include "axi_channel.h"

namespace flightllm {

AxiMemory::AxiMemory(Bench& bench, const AxiOptions& options, const AxiPlace* places,
                     uint32_t count)
    : options(options) {
    for (uint32_t k = 0; k < count; ++k)
        channels.push_back(std::make_unique<AxiChannel>(*this, bench, places[k]));
}

AxiMemory::~AxiMemory() = default;

void AxiMemory::drive(uint64_t cycle) {
    for (auto& channel : channels) channel->drive(cycle);
}

void AxiMemory::sample(uint64_t cycle) {
    for (auto& channel : channels) channel->sample(cycle);
    if (options.halt && violations.size() > told) {
        const Violation& v = violations[told];
        told = violations.size();
        throw std::runtime_error("port " + v.port + " broke a rule of AXI in cycle "
                                 + std::to_string(v.cycle) + ": " + v.sentence);
    }
}

}  // namespace flightllm

using namespace flightllm;

extern "C" {

// Null if the ports do not fit; bench_error says why.
AxiMemory* memory_attach(Bench* bench, const AxiOptions* options, const AxiPlace* places,
                         uint32_t count) {
    try {
        auto memory = std::make_unique<AxiMemory>(*bench, *options, places, count);
        AxiMemory* handle = memory.get();
        bench->attach(std::move(memory));
        return handle;
    } catch (const std::exception& error) {
        bench->error = error.what();
        return nullptr;
    }
}

void memory_write(AxiMemory* m, uint64_t address, const uint8_t* from, uint64_t size) {
    m->storage.write(address, from, size);
}
void memory_read(AxiMemory* m, uint64_t address, uint8_t* to, uint64_t size) {
    m->storage.read(address, to, size);
}
void memory_generate(AxiMemory* m, uint64_t start, uint64_t stop, uint64_t seed) {
    m->storage.generate({start, stop, seed});
}
uint64_t memory_pages(AxiMemory* m) { return m->storage.page_count(); }

void memory_fail(AxiMemory* m, uint64_t start, uint64_t stop, uint32_t response) {
    m->failing.push_back({start, stop, Response(response)});
}

void memory_counters(AxiMemory* m, uint32_t channel, AxiCounters* to) {
    *to = m->channels[channel]->counters();
}
void memory_clear_counters(AxiMemory* m) {
    for (auto& channel : m->channels) channel->clear_counters();
}
void memory_pending(AxiMemory* m, uint32_t channel, uint64_t* reads, uint64_t* writes) {
    *reads = m->channels[channel]->reads_under_way();
    *writes = m->channels[channel]->writes_under_way();
}

uint32_t memory_violations(AxiMemory* m) { return m->violations.size(); }
uint64_t memory_violation(AxiMemory* m, uint32_t n, const char** port, const char** sentence) {
    *port = m->violations[n].port.c_str();
    *sentence = m->violations[n].sentence.c_str();
    return m->violations[n].cycle;
}

}  // extern "C"
