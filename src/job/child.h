/// What a Child holds.
#pragma once
#include "job/channel.h"
#include "job/link.h"

namespace speedster::job {

struct Child::State {
  State(std::string who, std::shared_ptr<Record> its_record, std::weak_ptr<Link> its_link, Channel its_channel)
      : name(std::move(who)),
        record(std::move(its_record)),
        link(std::move(its_link)),
        channel(std::move(its_channel)) {}
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Asks the watchdog for something; without an answer the child has ended or is about to.
  void tell(Json body) const;
  bool ended() const;
  /// Kills it and waits until it is reaped.
  Exit end(std::string_view reason);
  /// Reads one line: progress goes to the callback and yields nothing; anything but an object is an error.
  Result<std::optional<Json>> take_line(const std::string& line,
                                        const std::function<void(const Json&)>& progress) const;
  Error rubbish(std::string_view got);

  std::string name;
  std::shared_ptr<Record> record;
  std::weak_ptr<Link> link;
  Channel channel;
};

}  // namespace speedster::job
