#include "src/proxy_debug/label_expression.h"

#include <gtest/gtest.h>

namespace k8sgw::proxy_debug {
namespace {

const Labels kLabels = {{"app", "web"}, {"example.com/tier", "front"}, {"weight", "7"}, {"empty", ""}};

bool Selects(const std::string& text) {
  const auto expression = LabelExpression::Parse(text);
  EXPECT_TRUE(expression.ok()) << text << ": " << expression.status();
  return expression.ok() && expression->Selects(kLabels);
}

TEST(LabelExpression, Selects) {
  for (const char* text : {"",
                           "  ",
                           "app",
                           "app=web",
                           "app==web",
                           " app = web ",
                           "app!=db",
                           "other!=web",
                           "!other",
                           "! other",
                           "app in (db, web)",
                           "app in(web)",
                           "other notin (a)",
                           "app notin (db,)",
                           "example.com/tier=front",
                           "weight>6",
                           "weight<8",
                           "app=web,weight > 6 ,!other",
                           "empty=",
                           "empty in ()",
                           "empty",
                           "app,weight"}) {
    EXPECT_TRUE(Selects(text)) << text;
  }
}

TEST(LabelExpression, DoesNotSelect) {
  for (const char* text : {"other", "app=db", "app!=web", "!app", "app in (db)", "app notin (web)", "weight>7",
                           "weight<7", "app>1", "other>1", "app=web,other", "app=", "app in ()", "other="}) {
    EXPECT_FALSE(Selects(text)) << text;
  }
}

TEST(LabelExpression, WhatIsNoExpressionIsRefused) {
  for (const char* text : {"=a",         ",",           "app,",
                           ",app",       "app web",     "app in",
                           "app in web", "app in (web", "app in (web db)",
                           "app is web", "app>many",    "app>",
                           "app=a=b",    "a b c",       "!",
                           "!app=web",   "app=-web",    "-app",
                           "app.",       "a//b",        "/a",
                           "a/",         "app=w\n",     "app=\"web\"",
                           "\x01"}) {
    const auto expression = LabelExpression::Parse(text);
    EXPECT_FALSE(expression.ok()) << text;
  }
  EXPECT_FALSE(LabelExpression::Parse(std::string(64, 'a')).ok());
  EXPECT_FALSE(LabelExpression::Parse(std::string(100'000, ' ')).ok());
  EXPECT_EQ(
      std::string(LabelExpression::Parse("app is web").status().message()),
      "expression_selector: one of = == != in notin > < is missing before \" web\", at character 7: write it as in "
      "\"a=b,c!=d,e in (f,g),!h\"");
}

}  // namespace
}  // namespace k8sgw::proxy_debug
