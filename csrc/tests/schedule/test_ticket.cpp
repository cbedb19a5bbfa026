// SPDX-License-Identifier: Apache-2.0
#include "schedule/ticket.h"
#include "tests/check.h"

#include <chrono>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using ppocrvl::Error;
using ppocrvl::ErrorKind;
using ppocrvl::Result;
using ppocrvl::Ticket;

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
