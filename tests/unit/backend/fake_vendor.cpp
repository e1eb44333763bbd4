// A vendor's library that only knows its version.
extern "C" __attribute__((visibility("default"))) const char* fake_vendor_version() { return FAKE_VERSION; }
