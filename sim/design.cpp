// SPDX-License-Identifier: Apache-2.0
// The part of the harness that knows the design. Its ports come from the generated ports.inc, a
// line PORT(member, name, bits, is_input) each, and CLOCK(member) where there is a clock.
#include <stdexcept>

#include "harness.h"
#include "verilated.h"

#include "Vdut.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Trace = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif

// What would end the process ends the call instead.
void vl_fatal(const char* file, int line, const char*, const char* message) {
    throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + message);
}

namespace flightllm {

struct Bench::Design {
    VerilatedContext context;
    std::unique_ptr<Vdut> top;
    CData* clock = nullptr;
    uint64_t trace_start = 0, trace_stop = 0;
#if VM_TRACE
    std::unique_ptr<Trace> trace;
#endif
};

Bench::Bench() : design(std::make_unique<Design>()) {
#if VM_TRACE
    design->context.traceEverOn(true);
#endif
    design->top = std::make_unique<Vdut>(&design->context, "dut");
    Vdut& top = *design->top;
#define CLOCK(name) design->clock = &top.name;
#define PORT(name, text, bits, is_input) ports.push_back({text, bits, is_input, &top.name});
#include "ports.inc"
    top.eval();
}

Bench::~Bench() {
    close_trace();
    models.clear();
    design->top->final();
}

Port& Bench::port(const std::string& name) {
    for (Port& port : ports)
        if (name == port.name) return port;
    throw std::out_of_range("There is no port " + name);
}

void Bench::settle() {
    for (auto& model : models) model->drive(cycle);
    if (design->clock) *design->clock = 0;
    design->top->eval();
    if (cycle < design->trace_stop) dump(10 * cycle);
    for (auto& model : models) model->sample(cycle);
}

void Bench::peek() {
    if (design->clock) *design->clock = 0;
    design->top->eval();
}

void Bench::tick() {
    if (design->clock) {
        *design->clock = 1;
        design->top->eval();
        if (cycle < design->trace_stop) dump(10 * cycle + 5);
    }
    ++cycle;
}

#if VM_TRACE
void Bench::dump(uint64_t time) {
    if (cycle < design->trace_start) return;
    design->trace->dump(time);
    if (cycle + 1 == design->trace_stop && time == 10 * cycle + 5) close_trace();
}

bool Bench::trace(const char* path, uint64_t start, uint64_t stop) {
    close_trace();
    design->trace = std::make_unique<Trace>();
    design->top->trace(design->trace.get(), 99);
    design->trace->open(path);
    design->trace_start = start;
    design->trace_stop = stop;
    return design->trace->isOpen();
}

void Bench::close_trace() {
    if (design->trace) design->trace->close();
    design->trace.reset();
    design->trace_stop = 0;
}
#else
void Bench::dump(uint64_t) {}
bool Bench::trace(const char*, uint64_t, uint64_t) { return false; }
void Bench::close_trace() {}
#endif

}  // namespace flightllm
