// SPDX-License-Identifier: Apache-2.0
// What a model that is compiled along with a design sees of it: ports, and the two moments of a
// cycle in which it may look at them.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace flightllm {

// A port of the top module. Words are 32 bits, least significant first, unused bits zero.
struct Port {
    const char* name;
    uint32_t bits;
    bool input;
    void* data;

    uint32_t words() const { return (bits + 31) / 32; }

    void read(uint32_t* to) const {
        if (bits > 32) std::memcpy(to, data, 4 * words());
        else if (bits > 16) *to = *static_cast<uint32_t*>(data);
        else if (bits > 8) *to = *static_cast<uint16_t*>(data);
        else *to = *static_cast<uint8_t*>(data);
    }

    void write(const uint32_t* from) {
        if (bits > 32) std::memcpy(data, from, 4 * words());
        else if (bits > 16) *static_cast<uint32_t*>(data) = *from;
        else if (bits > 8) *static_cast<uint16_t*>(data) = static_cast<uint16_t>(*from);
        else *static_cast<uint8_t*>(data) = static_cast<uint8_t>(*from);
    }

    // One bit: valid, ready.
    bool high() const { return *static_cast<uint8_t*>(data) != 0; }
    void set(bool to) { *static_cast<uint8_t*>(data) = to; }
};

// Draws a traffic pattern exactly as Gate in traffic.py does.
struct Gate {
    uint32_t state, start, stop;
    bool open = false;

    bool draw() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        const uint32_t u = state >> 16;
        return open = open ? u >= stop : u < start;
    }
};

// Something at the ports: a memory, say. Its answers come a cycle later at the earliest.
struct Model {
    virtual ~Model() = default;
    // Sets inputs for the cycle that begins.
    virtual void drive(uint64_t cycle) = 0;
    // Looks at the ports just before the edge that ends the cycle.
    virtual void sample(uint64_t cycle) = 0;
};

// A design under simulation. C functions of an extra source take it and attach models to it.
class Bench {
public:
    Bench();
    ~Bench();

    // The port of that name; throws std::out_of_range.
    Port& port(const std::string& name);
    Port& port(int32_t number) { return ports[number]; }
    void attach(std::unique_ptr<Model> model) { models.push_back(std::move(model)); }

    // A cycle: inputs are set, settle() carries them to the outputs, tick() ends it.
    void settle();
    void tick();
    // Carries inputs to the outputs outside of a cycle: nothing is driven, sampled or counted.
    void peek();
    uint64_t cycle = 0;

    bool trace(const char* path, uint64_t start, uint64_t stop);
    void close_trace();

    std::string error;

private:
    struct Design;
    std::unique_ptr<Design> design;
    std::vector<Port> ports;
    std::vector<std::unique_ptr<Model>> models;
    void dump(uint64_t time);
};

}  // namespace flightllm
