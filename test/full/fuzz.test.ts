/** The fuzzed parsers of the unit tests, for longer. */
process.env.DIOLKOS_FUZZ_RUNS ??= process.env.DIOLKOS_SAMPLE === 'true' ? '3000' : '40000';
await import('../images/fuzz.test.ts');
