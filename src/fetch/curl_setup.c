/* SPDX-License-Identifier: MIT */
#include "transfer.h"
#include "url.h"

/* Bytes a second below which a transfer stands still. */
enum { STANDSTILL = 64 };

/* libcurl itself reads none of these; curl, OpenSSL and Python's requests do. */
static const char *certificates(void) {
  static const char *const names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"};
  const char *path = NULL;
  for (size_t i = 0; i < sizeof names / sizeof names[0] && !path; i++)
    path = fetch_environment(names[i]);
  return path;
}

static CURLcode only_http(CURL *curl) {
#if LIBCURL_VERSION_NUM >= 0x075500
  return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  return curl_easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

ins_status fetch_curl_prepare(CURL *curl, const fetch_wish *wish) {
  const char *bundle = certificates(), *folder = fetch_environment("SSL_CERT_DIR");
  CURLcode code = only_http(curl);
  /* Redirects are followed by hand: each must pass our rules, and the first answer has a say. */
  if (!code) code = curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_USERAGENT, "insilico");
  if (!code) code = curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, wish->timeout_s);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, wish->timeout_s);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STANDSTILL);
  if (!code && bundle) code = curl_easy_setopt(curl, CURLOPT_CAINFO, bundle);
  if (!code && folder) code = curl_easy_setopt(curl, CURLOPT_CAPATH, folder);
  if (code == CURLE_OK) return INS_OK;
  return ins_fail(code == CURLE_OUT_OF_MEMORY ? INS_ERR_MEMORY : INS_ERR_UNSUPPORTED,
                  "libcurl cannot be set up: %s", curl_easy_strerror(code));
}
