// Options of the sanitizers, in the programs themselves, so that an input alone repeats what a run found.

extern "C" {

// Leaks are looked for by `make asan`: here the search after every input would cost more than the input.
const char* __asan_default_options() { return "detect_leaks=0"; }

const char* __ubsan_default_options() { return "print_stacktrace=1"; }

}  // extern "C"
