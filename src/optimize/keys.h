/// Under which name the cache knows a set of samples and a search: whatever may change an answer changes the name.
#pragma once
#include <string>

#include "samples/store.h"
#include "search/session.h"

namespace speedster {

/// Of the store of these samples, without reading them: path, size and time stamp of the data, and what was said about
/// them.
std::string store_key(const samples::SampleOptions& options, const Signature& signature);

/// Of a search's journal: model, samples, machine, metric with its program's files, settings, vendors. The budgets of
/// drop and time are not part of it.
std::string search_key(const search::Session& session);

}  // namespace speedster
