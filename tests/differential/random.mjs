/* Chance that can be had again: everything follows from the seed. */

export class Random {
    constructor(seed) {
        this.state = seed >>> 0;
    }

    /* 32 bits (mulberry32) */
    bits() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;
        let x = this.state;
        x = Math.imul(x ^ (x >>> 15), x | 1);
        x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
        return (x ^ (x >>> 14)) >>> 0;
    }

    below(bound) {
        return this.bits() % bound;
    }

    between(low, high) {
        return low + this.below(high - low + 1);
    }

    chance(percent) {
        return this.below(100) < percent;
    }

    pick(list) {
        return list[this.below(list.length)];
    }

    /* pairs of [weight, value] */
    weighted(pairs) {
        let at = this.below(pairs.reduce((sum, [weight]) => sum + weight, 0));
        for (const [weight, value] of pairs) if ((at -= weight) < 0) return value;
        throw new Error("unreachable");
    }

    many(low, high, make) {
        return Array.from({ length: this.between(low, high) }, make);
    }
}
