/// How long blocks are, what they cost, and how many of them a load deserves.
#pragma once
#include "measure/race.h"

namespace speedster::measure {

/// The spec for a model whose call takes `call_seconds` (0 = unknown): slow models make fewer calls,
/// but one of each shape of a mix.
BlockSpec plan_block(const BlockSpec& spec, double call_seconds);
/// Wall time of a block planned so: the warm part and the timed part.
double block_seconds(const BlockSpec& spec, double call_seconds);
/// Blocks in one load that make the mean over loads most exact for the time spent: √(load cost / block cost) × block sd
/// / load sd (Kalibera & Jones 2013, section 5), 1 to 4.
int best_blocks_per_load(const Policy& policy, double load_seconds, double block_seconds);
}  // namespace speedster::measure
