#include "src/wasm_cache/puller.h"

#include <gmock/gmock.h>

#include "src/base/base64.h"
#include "src/wasm_cache/test_registry.h"

namespace k8sgw::wasm_cache {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class PullerTest : public ::testing::Test {
 protected:
  PullerTest() {
    options.fetch.plain_http = {registry.host(), other.host()};
    options.fetch.timeout = milliseconds(3000);
    options.max_module_bytes = 100'000;
  }

  Pulled PullImage(const std::string& name, const Login& login = {}, const std::string& known = "") {
    auto reference = ParseImageReference(registry.host() + "/" + name);
    EXPECT_TRUE(reference.ok()) << reference.status();
    return Pull(*reference, login, known, options, stop);
  }
  std::string Error(const std::string& name, const Login& login = {}) {
    const Pulled pulled = PullImage(name, login);
    EXPECT_EQ(pulled.module, "");
    const std::string words(pulled.status.message());
    EXPECT_THAT(words, HasSubstr("127.0.0.1:"));
    return (pulled.transient ? "transient: " : "") + words;
  }

  TestRegistry registry;
  TestRegistry other;
  PullOptions options;
  std::atomic<bool> stop = false;
  const std::string module = TestModule("here");
  const std::string digest = Sha256Digest(TestManifest(module));
};

TEST_F(PullerTest, ByTagAndByDigest) {
  registry.Serve(Honest(module));
  Pulled pulled = PullImage("a/b:v1");
  EXPECT_TRUE(pulled.status.ok()) << pulled.status;
  EXPECT_EQ(pulled.module, module);
  EXPECT_EQ(pulled.manifest_digest, digest);
  EXPECT_EQ(pulled.media_type, "application/vnd.module.wasm.content.layer.v1+wasm");
  EXPECT_EQ(PullImage("a/b@" + digest).module, module);
  EXPECT_EQ(PullImage("a/b").module, module);
  EXPECT_THAT(registry.Seen(),
              ElementsAre("GET /v2/a/b/manifests/v1", "GET /v2/a/b/blobs/" + Sha256Digest(module),
                          "GET /v2/a/b/manifests/" + digest, "GET /v2/a/b/blobs/" + Sha256Digest(module),
                          "GET /v2/a/b/manifests/latest", "GET /v2/a/b/blobs/" + Sha256Digest(module)));
}

TEST_F(PullerTest, WhatIsKnownIsNotPulledAgain) {
  registry.Serve(Honest(module));
  Pulled pulled = PullImage("a", {}, digest);
  EXPECT_TRUE(pulled.status.ok() && pulled.unchanged);
  EXPECT_THAT(registry.Seen(), ElementsAre("HEAD /v2/a/manifests/latest"));
  // Something else stands there now.
  pulled = PullImage("a", {}, Sha256Digest("old"));
  EXPECT_FALSE(pulled.unchanged);
  EXPECT_EQ(pulled.module, module);
  // A registry that does not know HEAD.
  registry.Serve([serve = Honest(module)](const TestRequest& request) {
    return request.method == "HEAD" ? TestRegistry::Answer(405, "") : serve(request);
  });
  pulled = PullImage("a", {}, digest);
  EXPECT_TRUE(pulled.status.ok() && pulled.unchanged) << pulled.status;
}

TEST_F(PullerTest, AnIndexLeadsToTheManifestForWasm) {
  const std::string manifest = TestManifest(module);
  const auto entry = [&](const std::string& digest, const std::string& platform) {
    return Cat(R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")", digest, R"(","size":)",
               manifest.size(), R"(,"platform":{)", platform, "}}");
  };
  const std::string index =
      Cat(R"({"schemaVersion":2,"manifests":[)", entry(Sha256Digest("other"), R"("os":"linux","architecture":"amd64")"),
          ",", entry(Sha256Digest(manifest), R"("os":"wasip1","architecture":"wasm")"), "]}");
  const auto serve = [&](const std::string& second) {
    return [=, honest = Honest(module)](const TestRequest& request) {
      if (request.target.ends_with("/manifests/latest")) return TestRegistry::Answer(200, index);
      if (request.target.ends_with("/manifests/" + Sha256Digest(manifest))) return TestRegistry::Answer(200, second);
      return honest(request);
    };
  };
  registry.Serve(serve(manifest));
  const Pulled pulled = PullImage("a");
  EXPECT_EQ(pulled.module, module) << pulled.status;
  EXPECT_EQ(pulled.manifest_digest, Sha256Digest(index));
  registry.Serve(serve(manifest + " "));
  EXPECT_THAT(Error("a"), HasSubstr("the manifest has another digest than it should"));
}

TEST_F(PullerTest, LiesAreFound) {
  const std::string manifest = TestManifest(module);
  const auto with = [&](const std::string& manifest_answer, const std::string& blob_answer) {
    registry.Serve([=](const TestRequest& request) {
      return request.target.find("/blobs/") == std::string::npos ? manifest_answer : blob_answer;
    });
  };
  const std::string good = TestRegistry::Answer(200, manifest);
  with(TestRegistry::Answer(200, manifest, "Docker-Content-Digest: " + Sha256Digest("x") + "\r\n"), "");
  EXPECT_THAT(Error("a"), HasSubstr("the manifest has another digest than it should"));
  with(good, "");
  EXPECT_THAT(Error("a@" + Sha256Digest("x")), HasSubstr("the manifest has another digest than it should"));
  std::string wrong = module;
  wrong.back() = 'X';
  with(good, TestRegistry::Answer(200, wrong));
  EXPECT_THAT(Error("a"), HasSubstr("the layer has another digest than it should"));
  with(good, TestRegistry::Answer(200, module.substr(1)));
  EXPECT_THAT(Error("a"), HasSubstr("the layer has 14 bytes in place of 15"));
  with(good, TestRegistry::Answer(200, module + "x"));
  EXPECT_THAT(Error("a"), HasSubstr("the answer has more than 15 bytes"));
  // An end before what was announced.
  with(good, Cat("HTTP/1.1 200 OK\r\nContent-Length: ", module.size(), "\r\n\r\n", module.substr(0, 5)));
  EXPECT_THAT(Error("a"), HasSubstr("transient: "));
  with(TestRegistry::Answer(200, "<html>Welcome to our captive portal</html>"), "");
  EXPECT_THAT(Error("a"), HasSubstr("the manifest is no JSON object"));
  with(TestRegistry::Answer(200, TestManifest("no module")), TestRegistry::Answer(200, "no module"));
  EXPECT_THAT(Error("a"), HasSubstr("the bytes are no WebAssembly module"));
  with(TestRegistry::Answer(200, TestManifest(std::string(100'001, 'x'))), "");
  EXPECT_THAT(Error("a"), HasSubstr("the layer has 100001 bytes, and at most 100000 are taken"));
  with(TestRegistry::Answer(200, TestManifest(module, "application/vnd.docker.plugin.v1+json")), "");
  EXPECT_THAT(Error("a"), HasSubstr("has no layer of a WebAssembly module"));
}

TEST_F(PullerTest, EndlessAndSlowAnswersEnd) {
  // Without a length, and without an end.
  options.max_manifest_bytes = 1 << 20;
  registry.Serve([](const TestRequest&) { return "HTTP/1.1 200 OK\r\n\r\n" + std::string(4 << 20, 'x'); });
  EXPECT_THAT(Error("a"), HasSubstr("the answer has more than 1048576 bytes"));
  registry.Serve([](const TestRequest&) {
    std::string answer = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 3000; ++i) answer += Cat("X-", i, ": ", std::string(50, 'x'), "\r\n");
    return answer + "Content-Length: 0\r\n\r\n";
  });
  EXPECT_THAT(Error("a"), HasSubstr("the answer has more than 131072 bytes of headers"));
  options.fetch.timeout = milliseconds(200);
  registry.Serve([](const TestRequest&) { return ""; });
  EXPECT_THAT(Error("a"), HasSubstr("transient: " + registry.host() + ": there was no complete answer in 200 ms"));
}

TEST_F(PullerTest, StopsWhenItIsToldTo) {
  options.fetch.timeout = milliseconds(60'000);
  registry.Serve([](const TestRequest&) { return ""; });
  std::thread stopper([this] {
    usleep(100'000);
    stop = true;
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(PullImage("a").status.code(), absl::StatusCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  stopper.join();
}

TEST_F(PullerTest, SaysWhatRegistriesSay) {
  const auto answer = [&](int code, const std::string& headers = "") {
    registry.Serve([=](const TestRequest&) { return TestRegistry::Answer(code, "secret words", headers); });
  };
  answer(404);
  EXPECT_THAT(Error("a"), HasSubstr("there is no such image"));
  answer(403);
  EXPECT_THAT(Error("a"), HasSubstr("may not be read without a user (403)"));
  answer(503);
  EXPECT_THAT(Error("a"), HasSubstr("transient: " + registry.host() + ": answers 503"));
  answer(418);
  EXPECT_EQ(Error("a"), registry.host() + ": answers 418");
  answer(429, "Retry-After: 7\r\n");
  const Pulled pulled = PullImage("a");
  EXPECT_TRUE(pulled.transient);
  EXPECT_EQ(pulled.retry_after, std::chrono::seconds(7));
  answer(401);
  EXPECT_THAT(Error("a"), HasSubstr("answers 401, and wants neither a token nor a user and password"));
}

TEST_F(PullerTest, BasicUsers) {
  registry.Serve([serve = Honest(module)](const TestRequest& request) {
    if (request.headers.find("Authorization: Basic " + EncodeBase64("ada:s3cret")) != std::string::npos)
      return serve(request);
    return TestRegistry::Answer(401, "", "WWW-Authenticate: Basic realm=\"r\"\r\n");
  });
  EXPECT_EQ(PullImage("a", {"ada", "s3cret"}).module, module);
  EXPECT_THAT(Error("a"), HasSubstr("wants a user and password, and there are none for it"));
  EXPECT_THAT(Error("a", {"ada", "wrong"}), HasSubstr("may not be read (401)"));
}

TEST_F(PullerTest, Tokens) {
  const auto challenge = [&](const std::string& realm) {
    return TestRegistry::Answer(401, "",
                                Cat("WWW-Authenticate: Bearer realm=\"", realm,
                                    "\",service=\"my registry\",scope=\"repository:a:pull,push\"\r\n"));
  };
  const auto serve = [&](const std::string& realm) {
    registry.Serve([=, honest = Honest(module)](const TestRequest& request) {
      return request.headers.find("Authorization: Bearer t0k") != std::string::npos ? honest(request)
                                                                                    : challenge(realm);
    });
  };
  serve("http://" + other.host() + "/token?x=1");
  other.Serve(
      [](const TestRequest&) { return TestRegistry::Answer(200, R"({"access_token":"t0k","expires_in":300})"); });
  EXPECT_EQ(PullImage("a", {"ada", "s3cret"}).module, module);
  EXPECT_THAT(other.Seen(), ElementsAre("GET /token?x=1&service=my%20registry&scope=repository%3Aa%3Apull with Basic " +
                                        EncodeBase64("ada:s3cret")));
  other.Serve([](const TestRequest&) { return TestRegistry::Answer(200, R"({"token":"t0k\r\nX: y"})"); });
  EXPECT_THAT(Error("a"), HasSubstr("answers without a token"));
  other.Serve([](const TestRequest&) { return TestRegistry::Answer(200, "<html>"); });
  EXPECT_THAT(Error("a"), HasSubstr("answers without a token"));
  other.Serve([](const TestRequest&) { return TestRegistry::Answer(403, ""); });
  EXPECT_THAT(Error("a"), HasSubstr("gives no token for " + registry.host() + ": there is no user"));
  // The answer to the token is no again: not for ever.
  other.Serve([](const TestRequest&) { return TestRegistry::Answer(200, R"({"token":"other"})"); });
  EXPECT_THAT(Error("a"), HasSubstr("may not be read without a user (401)"));
  serve("file:///etc/passwd");
  EXPECT_THAT(Error("a"), HasSubstr("names no URL to get a token from"));
}

TEST_F(PullerTest, RedirectsDoNotCarryCredentials) {
  const auto serve = [&](const std::string& location) {
    registry.Serve([=, honest = Honest(module)](const TestRequest& request) {
      if (request.headers.find("Authorization: Basic") == std::string::npos)
        return TestRegistry::Answer(401, "", "WWW-Authenticate: Basic realm=\"r\"\r\n");
      if (request.target.find("/blobs/") == std::string::npos) return honest(request);
      return TestRegistry::Answer(307, "<a href=x>", "Location: " + location + "\r\n");
    });
  };
  serve("http://" + other.host() + "/store?signature=1");
  other.Serve([this](const TestRequest&) { return TestRegistry::Answer(200, module); });
  const Pulled pulled = PullImage("a", {"ada", "s3cret"});
  EXPECT_EQ(pulled.module, module) << pulled.status;
  EXPECT_THAT(other.Seen(), ElementsAre("GET /store?signature=1"));
  // Who stands behind a redirect gets no answer to a challenge either.
  other.Serve(
      [](const TestRequest&) { return TestRegistry::Answer(401, "", "WWW-Authenticate: Basic realm=\"r\"\r\n"); });
  EXPECT_THAT(Error("a", {"ada", "s3cret"}), HasSubstr("may not be read (401)"));
  EXPECT_EQ(other.Seen().size(), 2u);
  serve("/v2/a/blobs/again");
  EXPECT_THAT(Error("a", {"ada", "s3cret"}), HasSubstr("there are more than 5 redirects"));
  for (const std::string& location :
       {std::string("ftp://127.0.0.1/x"), std::string("file:///etc/passwd"), std::string("http://")}) {
    serve(location);
    EXPECT_THAT(Error("a", {"ada", "s3cret"}), HasSubstr("a redirect leads to what is no URL")) << location;
  }
  serve("http://127.0.0.1:1/");
  EXPECT_THAT(Error("a", {"ada", "s3cret"}), HasSubstr("a redirect leads to http, without TLS"));
}

TEST_F(PullerTest, NothingIsAskedWithoutTlsUnlessAllowed) {
  options.fetch.plain_http.clear();
  registry.Serve(Honest(module));
  EXPECT_THAT(Error("a"), HasSubstr("transient: "));
  // What came, if anything, was the beginning of TLS.
  EXPECT_THAT(registry.Seen(), Each(Not(HasSubstr("/v2/"))));
}

TEST_F(PullerTest, LinkLocalAddressesAreNotAsked) {
  options.fetch.plain_http = {"169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80"};
  for (const char* host : {"169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"}) {
    const auto begin = std::chrono::steady_clock::now();
    const Pulled pulled = Pull(*ParseImageReference(std::string(host) + ":80/a"), {}, "", options, stop);
    EXPECT_FALSE(pulled.status.ok());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2)) << host << pulled.status;
  }
}

}  // namespace
}  // namespace k8sgw::wasm_cache
