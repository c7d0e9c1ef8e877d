/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include <stdlib.h>

#include "fetch/target.h"
#include "insilico/text.h"

static int no_mirrors(void **state) {
  (void)state;
  unsetenv("INSILICO_HUB_URL");
  unsetenv("HF_ENDPOINT");
  unsetenv("INSILICO_GIN_URL");
  unsetenv("INSILICO_ALLOW_HTTP");
  return 0;
}

static void leads_to(const char *name, const char *url, const char *where) {
  fetch_target target;
  if (fetch_target_create(name, &target) != INS_OK) fail_msg("%s: %s", name, ins_message());
  assert_string_equal(target.url, url);
  assert_string_equal(target.where, where);
  fetch_target_clear(&target);
}

static void is_refused(const char *name, ins_status code, const char *because) {
  fetch_target target;
  ins_status status = fetch_target_create(name, &target);
  if (status != code || !strstr(ins_message(), because))
    fail_msg("%s: status %d, '%s'", name, status, status ? ins_message() : target.where);
  fetch_target_clear(&target);
}

#define OURS "https://huggingface.co/datasets/open-retina/open-retina/"

static void every_form_of_a_hub_file_is_one_place(void **state) {
  (void)state;
  static const char *const forms[] = {
      OURS "resolve/main/a/b.ckpt",
      OURS "tree/main/a/b.ckpt",
      OURS "blob/main/a/b.ckpt",
      OURS "raw/main/a/b.ckpt#top",
      OURS "resolve/main//a/b.ckpt?download=true",
      "HTTPS://HuggingFace.co/datasets/open-retina/open-retina/resolve/main/a/b.ckpt",
      "hf://datasets/open-retina/open-retina/a/b.ckpt",
      "hf://datasets/open-retina/open-retina@main/a/b.ckpt",
      "hf://datasets/open-retina/open-retina/a/b.ckpt@main",
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
    leads_to(forms[i], OURS "resolve/main/a/b.ckpt", "a/b.ckpt");
}

static void repositories_and_revisions_do_not_mix(void **state) {
  (void)state;
  leads_to("hf://datasets/open-retina/open-retina/a.ckpt@v2", OURS "resolve/v2/a.ckpt",
           "huggingface.co/datasets/open-retina/open-retina/resolve/v2/a.ckpt");
  leads_to("hf://lab/retina/a.ckpt", "https://huggingface.co/lab/retina/resolve/main/a.ckpt",
           "huggingface.co/lab/retina/resolve/main/a.ckpt");
  leads_to("hf://models/lab/retina/a.ckpt", "https://huggingface.co/lab/retina/resolve/main/a.ckpt",
           "huggingface.co/lab/retina/resolve/main/a.ckpt");
  leads_to("https://huggingface.co/open-retina/open-retina/resolve/main/a.ckpt",
           "https://huggingface.co/open-retina/open-retina/resolve/main/a.ckpt",
           "huggingface.co/open-retina/open-retina/resolve/main/a.ckpt");
}

static void names_with_spaces_are_encoded_for_the_server_only(void **state) {
  (void)state;
  leads_to("hf://datasets/open-retina/open-retina/my model 100%.ckpt",
           OURS "resolve/main/my%20model%20100%25.ckpt", "my model 100%.ckpt");
  leads_to(OURS "resolve/main/my%20model.ckpt", OURS "resolve/main/my%20model.ckpt",
           "my model.ckpt");
}

static void files_from_gin_keep_two_parts(void **state) {
  (void)state;
  leads_to("https://gin.g-node.org/lab/repo/raw/master/models/x/a.yaml",
           "https://gin.g-node.org/lab/repo/raw/master/models/x/a.yaml", "x/a.yaml");
  leads_to("https://gin.g-node.org/lab/repo/src/master/models/x/a.yaml",
           "https://gin.g-node.org/lab/repo/raw/master/models/x/a.yaml", "x/a.yaml");
  leads_to("https://gin.g-node.org/about/x", "https://gin.g-node.org/about/x",
           "gin.g-node.org/about/x");
}

static void other_files_keep_host_and_path(void **state) {
  (void)state;
  leads_to("https://Lab.org/data/a.npy", "https://Lab.org/data/a.npy", "lab.org/data/a.npy");
  leads_to("https://lab.org:443/a.npy", "https://lab.org:443/a.npy", "lab.org/a.npy");
  leads_to("https://lab.org:8443/a%2fb.npy", "https://lab.org:8443/a%2fb.npy",
           "lab.org:8443/a%2fb.npy");
  fetch_target one, two;
  assert_int_equal(fetch_target_create("https://lab.org/get?id=1", &one), INS_OK);
  assert_int_equal(fetch_target_create("https://lab.org/get?id=2", &two), INS_OK);
  assert_string_not_equal(one.where, two.where);
  fetch_target_clear(&one);
  fetch_target_clear(&two);
}

static void a_mirror_changes_the_url_and_not_the_place(void **state) {
  (void)state;
  const char *place = "model_checkpoints/2026-03-09/sridhar_2025.ckpt";
  const ins_known_model *model = fetch_known_find("sridhar_2025");
  setenv("HF_ENDPOINT", "https://mirror.lab.org/hub/", 1);
  leads_to(model->url,
           "https://mirror.lab.org/hub/datasets/open-retina/open-retina/resolve/main/"
           "model_checkpoints/2026-03-09/sridhar_2025.ckpt",
           place);
  leads_to("https://mirror.lab.org/hub/lab/retina/blob/main/a.ckpt",
           "https://mirror.lab.org/hub/lab/retina/resolve/main/a.ckpt",
           "huggingface.co/lab/retina/resolve/main/a.ckpt");
  setenv("INSILICO_HUB_URL", "http://127.0.0.1:8080", 1);
  leads_to(model->url,
           "http://127.0.0.1:8080/datasets/open-retina/open-retina/resolve/main/"
           "model_checkpoints/2026-03-09/sridhar_2025.ckpt",
           place);
  setenv("INSILICO_HUB_URL", "mirror.lab.org", 1);
  is_refused(model->url, INS_ERR_ARGUMENT, "INSILICO_HUB_URL");
  setenv("INSILICO_HUB_URL", "http://mirror.lab.org", 1);
  is_refused(model->url, INS_ERR_ARGUMENT, "plain http");
}

static void no_path_leaves_the_cache(void **state) {
  (void)state;
  is_refused("https://lab.org/a/../b", INS_ERR_ARGUMENT, "'..'");
  is_refused("https://lab.org/a/%2E%2e/b", INS_ERR_ARGUMENT, "'..'");
  is_refused("https://lab.org/a/./b", INS_ERR_ARGUMENT, "'.'");
  is_refused("https://lab.org/a/..", INS_ERR_ARGUMENT, "'..'");
  is_refused("https://lab.org/a%0Ab", INS_ERR_ARGUMENT, "control");
  is_refused("https://lab.org/a%00b", INS_ERR_ARGUMENT, "control");
  is_refused("https://lab.org/a%5Cb", INS_ERR_ARGUMENT, "backslash");
  is_refused("https://../etc/passwd", INS_ERR_ARGUMENT, "host");
  is_refused(OURS "resolve/main/../../b", INS_ERR_ARGUMENT, "'..'");
  is_refused("hf://datasets/open-retina/open-retina/../../etc/x", INS_ERR_ARGUMENT, "'..'");
  is_refused("hf://../../etc/x", INS_ERR_ARGUMENT, "'..'");
  is_refused("https://gin.g-node.org/lab/repo/raw/../x", INS_ERR_ARGUMENT, "'..'");
}

static void urls_that_can_be_read_in_two_ways_are_refused(void **state) {
  (void)state;
  is_refused("http://127.0.0.1@evil.org/x", INS_ERR_ARGUMENT, "passwords");
  is_refused("http://127.0.0.1\\.evil.org/x", INS_ERR_ARGUMENT, "backslash");
  is_refused("http://127.evil.org/x", INS_ERR_ARGUMENT, "plain http");
  is_refused("http://localhost.evil.org/x", INS_ERR_ARGUMENT, "plain http");
  is_refused("https://lab.org:99999/x", INS_ERR_ARGUMENT, "host");
  is_refused("https://lab.org:/x", INS_ERR_ARGUMENT, "host");
  is_refused("https://lab.org:8o/x", INS_ERR_ARGUMENT, "host");
  is_refused("https:///x", INS_ERR_ARGUMENT, "host");
  is_refused("https://[::1/x", INS_ERR_ARGUMENT, "host");
  is_refused("https://l%61b.org/x", INS_ERR_ARGUMENT, "host");
  is_refused("https://lab.org/a b", INS_ERR_ARGUMENT, "space");
  is_refused("https://lab.org", INS_ERR_ARGUMENT, "folder");
  is_refused("https://lab.org/x/?a", INS_ERR_ARGUMENT, "folder");
  leads_to("http://[::1]:80/x", "http://[::1]:80/x", "[::1]/x");
  leads_to("http://localhost/x", "http://localhost/x", "localhost/x");
}

static void files_beside_files_are_not_fetched(void **state) {
  (void)state;
  is_refused("https://lab.org/a.ckpt.part", INS_ERR_ARGUMENT, "ending");
  is_refused("https://lab.org/a.ckpt.sha256", INS_ERR_ARGUMENT, "ending");
}

/* Whatever comes, a target is a path of plain parts below the cache. */
static void no_text_makes_an_unsafe_place(void **state) {
  (void)state;
  static const char *const pieces[] = {"https://",
                                       "http://",
                                       "hf://",
                                       "localhost",
                                       "huggingface.co",
                                       "gin.g-node.org",
                                       "/",
                                       "..",
                                       ".",
                                       "%2e",
                                       "%2f",
                                       "datasets/",
                                       "raw",
                                       "src",
                                       "resolve",
                                       "main",
                                       "@",
                                       "?",
                                       "#",
                                       "a",
                                       "%",
                                       "\\",
                                       ":",
                                       "\xc3\xa9",
                                       "\n",
                                       "open-retina"};
  const size_t n_pieces = sizeof pieces / sizeof pieces[0];
  uint64_t x = 12345;
  size_t n_read = 0;
  for (int i = 0; i < 100000; i++) {
    ins_text text = {0};
    fetch_target target;
    for (int k = 0; k < 12; k++) {
      x = x * 6364136223846793005u + 1442695040888963407u;
      /* The first piece is a scheme, or little would be read. */
      ins_text_add(&text, "%s", pieces[(x >> 33) % (k == 0 ? 3 : n_pieces)]);
      if (k > 1 && k % 2) ins_text_add(&text, "/");
    }
    if (fetch_target_create(text.data, &target) == INS_OK) {
      n_read++;
      ins_text framed = {0};
      ins_text_add(&framed, "/%s/", target.where);
      if (strstr(framed.data, "/../") || strstr(framed.data, "/./") || strstr(framed.data, "//"))
        fail_msg("%s leads to %s", text.data, target.where);
      ins_text_free(&framed);
    }
    fetch_target_clear(&target);
    ins_text_free(&text);
  }
  assert_in_range(n_read, 100, 100000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(every_form_of_a_hub_file_is_one_place, no_mirrors),
      cmocka_unit_test_setup(repositories_and_revisions_do_not_mix, no_mirrors),
      cmocka_unit_test_setup(names_with_spaces_are_encoded_for_the_server_only, no_mirrors),
      cmocka_unit_test_setup(files_from_gin_keep_two_parts, no_mirrors),
      cmocka_unit_test_setup(other_files_keep_host_and_path, no_mirrors),
      cmocka_unit_test_setup(a_mirror_changes_the_url_and_not_the_place, no_mirrors),
      cmocka_unit_test_setup(no_path_leaves_the_cache, no_mirrors),
      cmocka_unit_test_setup(urls_that_can_be_read_in_two_ways_are_refused, no_mirrors),
      cmocka_unit_test_setup(files_beside_files_are_not_fetched, no_mirrors),
      cmocka_unit_test_setup(no_text_makes_an_unsafe_place, no_mirrors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
