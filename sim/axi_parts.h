// SPDX-License-Identifier: Apache-2.0
// What a channel is made of: bursts that wait, offers that must stay until they are taken, ports as
// numbers.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"

namespace flightllm {

constexpr uint32_t MAX_BYTES = 128, MAX_WORDS = MAX_BYTES / 4;  // of a beat

template <typename... Values> std::string text(const char* format, Values... values) {
    char line[200];
    std::snprintf(line, sizeof line, format, values...);
    return line;
}

struct Burst {
    uint64_t address;
    uint32_t id, beats, slot;
    uint32_t done;          // beats
    int64_t ready;          // when its first beat, or its B, may be offered
    bool checked;           // some beat answers an error
    uint8_t response;
};

// Bursts in order, oldest first, in a ring that never grows.
class Bursts {
public:
    explicit Bursts(size_t capacity) : items(capacity) {}
    size_t size() const { return count; }
    bool full() const { return count == items.size(); }
    Burst& operator[](size_t k) { return items[(head + k) % items.size()]; }
    void push(const Burst& burst) { items[(head + count++) % items.size()] = burst; }
    void erase(size_t at) {
        for (; at > 0; --at) (*this)[at] = (*this)[at - 1];
        head = (head + 1) % items.size();
        --count;
    }
    void clear() { head = count = 0; }

private:
    std::vector<Burst> items;
    size_t head = 0, count = 0;
};

// A valid and its payload, which must stay as they are until ready.
class Offer {
public:
    Offer(std::string name, Port* valid, Port* ready, std::vector<Port*> ports)
        : name(std::move(name)), valid(valid), ready(ready) {
        for (Port* port : ports)
            if (port) payload.push_back(port);
        size_t words = 0;
        for (Port* port : payload) words += port->words();
        kept.resize(words);
        now.resize(words);
    }

    // Whether it is transferred in this cycle; `broken` gets what is wrong.
    template <typename F> bool sample(F&& broken) {
        const bool offered = valid->high(), taken = ready->high();
        if (held) {
            if (!offered) broken(name + "valid fell before " + name + "ready");
            else if (read(now), now != kept)
                broken("the payload of " + name + "valid changed before " + name + "ready");
        }
        const bool before = held;
        held = offered && !taken;
        if (held) {
            if (before) kept.swap(now);
            else read(kept);
        }
        return offered && taken;
    }
    void forget() { held = false; }

private:
    std::string name;
    Port *valid, *ready;
    std::vector<Port*> payload;
    std::vector<uint32_t> kept, now;
    bool held = false;

    void read(std::vector<uint32_t>& to) const {
        uint32_t* at = to.data();
        for (const Port* port : payload) {
            port->read(at);
            at += port->words();
        }
    }
};

inline uint64_t number(const Port* port) {
    if (!port) return 0;
    uint32_t words[MAX_WORDS] = {};
    port->read(words);
    return words[0] | uint64_t(words[1]) << 32;
}

inline void put(Port* port, uint64_t value) {
    if (!port) return;
    const uint32_t words[MAX_WORDS] = {uint32_t(value), uint32_t(value >> 32)};
    port->write(words);
}

}  // namespace flightllm
