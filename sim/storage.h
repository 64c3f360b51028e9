// SPDX-License-Identifier: Apache-2.0
// Bytes by 64-bit address that cost memory only where they were written.
//
// Where nothing was written, a byte is zero, or what a generator gives for its address. Generated
// bytes are computed when they are read and never stored, so that gigabytes of random weights need
// not exist. What was written or is generated counts as touched, in granules of 64 bytes.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

namespace flightllm {

class Storage {
public:
    static constexpr uint64_t PAGE = 16384, GRANULE = 64;

    struct Page {
        alignas(64) uint8_t bytes[PAGE];
        std::bitset<PAGE / GRANULE> touched;
    };

    // What a reader remembers of the page it was at last.
    struct Cursor {
        uint64_t number = ~0ull, version = ~0ull;
        Page* page = nullptr;
    };

    // A whole number of granules each.
    struct Generator {
        uint64_t start, stop, seed;
    };

    // Says what is there, where nothing was touched before.
    void generate(const Generator& generator) {
        generators.push_back(generator);
        ++version;
        for (auto& [number, page] : pages) fill(number, *page);
    }

    // Bytes inside one page: they are in the page itself, or put into `scratch`. Whether all were
    // touched.
    bool view(Cursor& at, uint64_t address, uint32_t size, uint8_t* scratch,
              const uint8_t*& found) {
        const uint64_t number = address / PAGE, offset = address % PAGE;
        if (at.number != number || at.version != version) {
            const auto entry = pages.find(number);
            at = {number, version, entry == pages.end() ? nullptr : entry->second.get()};
        }
        if (at.page) {
            found = at.page->bytes + offset;
            bool touched = true;
            for (uint64_t g = offset / GRANULE; g <= (offset + size - 1) / GRANULE; ++g)
                touched &= at.page->touched[g];
            return touched;
        }
        found = scratch;
        return generated(address, size, scratch);
    }

    void write(uint64_t address, const uint8_t* from, uint64_t size) {
        while (size) {
            const uint64_t offset = address % PAGE, part = std::min(size, PAGE - offset);
            Page& page = make(address / PAGE);
            std::memcpy(page.bytes + offset, from, part);
            touch(page, offset, part);
            address += part;
            from += part;
            size -= part;
        }
    }

    void read(uint64_t address, uint8_t* to, uint64_t size) {
        while (size) {
            const uint64_t offset = address % PAGE, part = std::min(size, PAGE - offset);
            const auto entry = pages.find(address / PAGE);
            if (entry != pages.end()) std::memcpy(to, entry->second->bytes + offset, part);
            else generated(address, part, to);
            address += part;
            to += part;
            size -= part;
        }
    }

    uint64_t page_count() const { return pages.size(); }

private:
    std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
    std::vector<Generator> generators;
    uint64_t version = 0;

    // Output number n of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
    // generators, 2014).
    static uint64_t mix(uint64_t seed, uint64_t n) {
        uint64_t z = seed + (n + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }

    const Generator* generator_at(uint64_t address) const {
        for (auto g = generators.rbegin(); g != generators.rend(); ++g)
            if (g->start <= address && address < g->stop) return &*g;
        return nullptr;
    }

    // Zeros where there is no generator; whether there was one everywhere.
    bool generated(uint64_t address, uint64_t size, uint8_t* to) const {
        bool all = true;
        while (size) {
            const uint64_t part = std::min(size, GRANULE - address % GRANULE);
            const Generator* g = generator_at(address);
            if (!g) {
                std::memset(to, 0, part);
                all = false;
            } else {
                uint64_t words[GRANULE / 8];
                const uint64_t first = address / 8, last = (address + part - 1) / 8;
                for (uint64_t n = first; n <= last; ++n) words[n - first] = mix(g->seed, n);
                std::memcpy(to, reinterpret_cast<uint8_t*>(words) + address % 8, part);
            }
            address += part;
            to += part;
            size -= part;
        }
        return all;
    }

    void fill(uint64_t number, Page& page) const {
        for (uint64_t g = 0; g < PAGE / GRANULE; ++g)
            if (!page.touched[g])
                page.touched[g] =
                    generated(number * PAGE + g * GRANULE, GRANULE, page.bytes + g * GRANULE);
    }

    static void touch(Page& page, uint64_t offset, uint64_t size) {
        for (uint64_t g = offset / GRANULE; g <= (offset + size - 1) / GRANULE; ++g)
            page.touched[g] = true;
    }

    Page& make(uint64_t number) {
        std::unique_ptr<Page>& page = pages[number];
        if (!page) {
            page.reset(new Page);
            fill(number, *page);
            ++version;
        }
        return *page;
    }
};

}  // namespace flightllm
