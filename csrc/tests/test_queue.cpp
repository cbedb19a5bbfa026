// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "core/ticket.h"
#include "core/work_queue.h"

#include <chrono>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using ppocrvl::Error;
using ppocrvl::ErrorKind;
using ppocrvl::Result;
using ppocrvl::Ticket;
using ppocrvl::WorkQueue;

TEST_CASE("queue: first in, first out, across threads") {
  WorkQueue<int> queue;
  std::thread producer([&] {
    for (int i = 0; i < 100; ++i) {
      queue.push(i);
    }
  });
  for (int i = 0; i < 100; ++i) {
    CHECK_EQUAL(queue.pop().value(), i);
  }
  producer.join();
}

TEST_CASE("queue: closing ends a wait, hands back what waits, and refuses more") {
  WorkQueue<int> queue;
  std::thread consumer([&] { CHECK(!queue.pop().has_value()); });
  std::this_thread::sleep_for(10ms);
  queue.close();
  consumer.join();
  CHECK(!queue.push(1));

  WorkQueue<int> other;
  other.push(7);
  const auto left = other.close();
  CHECK_EQUAL(left.size(), 1U);
  CHECK_EQUAL(left.front(), 7);
  CHECK(!other.pop().has_value());
}

TEST_CASE("ticket: pieces come in order, then the end, then the result") {
  Ticket ticket;
  std::string piece;
  CHECK(ticket.wait_piece(piece, 1ms) == Ticket::Next::timeout);
  CHECK(!ticket.wait_done(1ms));
  std::thread worker([&] {
    ticket.push_piece("a");
    ticket.push_piece("b");
    Result result;
    result.text = "ab";
    ticket.fulfil(result);
  });
  CHECK(ticket.wait_piece(piece, 10s) == Ticket::Next::piece);
  CHECK_EQUAL(piece, "a");
  CHECK(ticket.wait_piece(piece, 10s) == Ticket::Next::piece);
  CHECK_EQUAL(piece, "b");
  CHECK(ticket.wait_piece(piece, 10s) == Ticket::Next::end);
  CHECK(ticket.wait_done(0ms));
  CHECK_EQUAL(ticket.value().text, "ab");
  worker.join();
}

TEST_CASE("ticket: an error is thrown each time the value is asked for") {
  Ticket ticket;
  ticket.fail(std::make_exception_ptr(Error(ErrorKind::context, "too long")));
  std::string piece;
  CHECK(ticket.wait_piece(piece, 0ms) == Ticket::Next::end);
  CHECK_THROWS_KIND(ErrorKind::context, ticket.value());
  CHECK_THROWS_KIND(ErrorKind::context, ticket.value());
}
