// Options of the sanitizers, in the programs themselves, so that an input alone repeats what a run found.

extern "C" {

// Leaks are looked for by `make asan`: here the search after every input would cost more than the input. Stacks of
// allocations are kept short, as keeping them is a tenth of the time.
const char* __asan_default_options() { return "detect_leaks=0:malloc_context_size=8"; }

const char* __ubsan_default_options() { return "print_stacktrace=1"; }

}  // extern "C"
