/* SPDX-License-Identifier: MIT */
/* Wrong jobs: each gives one line that names the place and says what to do. */
#include "registry.h"

#define HEAD "experiment: stimulus_optimization\nmodel: m.ckpt\noutput: o.h5\n"
#define JOB  HEAD "objective: increase\n" /* four lines: what follows stands on line 5 */

typedef struct wrong_job {
  const char *text, *override; /* override: or NULL */
  const char *place, *advice;
} wrong_job;

static const wrong_job wrong_jobs[] = {
    /* not YAML, or no job */
    {"", NULL, "is empty", "begins with `experiment: NAME`"},
    {"# nothing\n", NULL, "is empty", "begins with `experiment: NAME`"},
    {"- a\n- b\n", NULL, ".yaml:1:1: ", "expected lines of `key: value`"},
    {"just text\n", NULL, ".yaml:1:1: ", "expected lines of `key: value`"},
    {JOB "stop: [1, 2\n", NULL, ".yaml:6:1: ", "flow sequence without a closing bracket"},
    {JOB "stop: {max_iterations: 1]\n", NULL, ".yaml:5:", "not valid YAML"},
    {JOB "stop: \"abc\n", NULL, ".yaml:5:", "double-quoted scalar without closing quote"},
    {JOB "stop:\n\tpatience: 1\n", NULL, ".yaml:", "not valid YAML"},
    {JOB "stop: @x\n", NULL, ".yaml:5:7: ", "plain scalar cannot start with '@'"},
    {JOB "  note: x\n", NULL, ".yaml:4:", "not valid YAML"},
    {JOB "note: x\nstop: {}\nnote: y\n", NULL,
     ".yaml:7:1: ", "'note' is given twice (first on line 5)"},
    {JOB "stop: {patience: 1, patience: 2}\n", NULL, ".yaml:5:21: ", "keep one of them"},
    {JOB "---\nnote: y\n", NULL, ".yaml:5:1: ", "a job file holds one job"},
    {JOB "note: *x\n", NULL, ".yaml:5:8: ", "in quotes"},
    {JOB "note: !!python/object x\n", NULL, ".yaml:5:", "remove it"},
    {JOB "note: \xff\n", NULL, ".yaml:5:7: ", "save the file as UTF-8"},
    {JOB "[1]: x\n", NULL, ".yaml:5:1: ", "a key must be a word"},
    {JOB ": x\n", NULL, ".yaml:4:12: ", "a key must be a word"},

    /* the experiment */
    {"model: m\noutput: o\n", NULL, "experiment is missing",
     "one of stimulus_optimization, response"},
    {"experiment:\n", NULL, "experiment is missing", "one of stimulus_optimization, response"},
    {"experiment: 5\n", NULL, ".yaml:1:13: ", "experiment is 5; expected text"},
    {"experiment: responce\n", NULL,
     ".yaml:1:13: ", "there is no kind 'responce'; did you mean 'response'?"},
    {JOB, "experiment=tuning",
     "override 1 (experiment=tuning): ", "known kinds: stimulus_optimization, response"},
    {"model: m\n", "experiment=response,tuning", "override 1 (", "run one job for each"},
    {JOB, "experiment=response,tuning", "override 1 (", "run one job for each"},

    /* unknown and missing keys */
    {JOB "optimiser: sgd\n", NULL,
     ".yaml:5:1: this job (experiment stimulus_optimization) has no key 'optimiser'",
     "did you mean 'optimizer'?"},
    {JOB "optimizer: {kind: sgd, Lr: 1}\n", NULL,
     ".yaml:5:24: optimizer of kind sgd has no key 'Lr'",
     "did you mean 'lr'? valid keys: kind, lr, momentum, nesterov"},
    {JOB "optimizer: {momentun: 1}\n", NULL,
     ".yaml:5:13: optimizer of kind sgd has no key 'momentun'", "did you mean 'momentum'?"},
    {JOB "optimizer: {kind: adam, momentum: 1}\n", NULL, ".yaml:5:25: optimizer of kind adam",
     "valid keys: kind, lr, eps"},
    {JOB "stop: {patience:1}\n", NULL, ".yaml:5:8: stop has no key 'patience:1'",
     "is a space missing after its colon?"},
    {JOB "stimulus:\n  frames: 5\n  init:\n    stdd: 1\n", NULL,
     ".yaml:8:5: stimulus.init has no key", "did you mean 'std'?"},
    {JOB "postprocess:\n- {kind: temporal_gaussian}\n- {kind: norm_clip, norms: 1}\n", NULL,
     ".yaml:7:21: postprocess.1 of kind norm_clip", "did you mean 'norm'?"},
    {JOB "zzz: 1\n", NULL, ".yaml:5:1: ",
     "; valid keys: experiment, model, session, neurons, sweep, seed, compat, output, io, seeds"},
    {"experiment: response\nmodel: m\noutput: o\nreps: 3\n", NULL,
     ".yaml:4:1: ", "has no key 'reps'"},
    {JOB, "optimizer.lrr=3", "override 1 (optimizer.lrr=3): optimizer of kind sgd has no key 'lrr'",
     "did you mean 'lr'?"},
    {JOB, "optimzer.lr=3", "override 1 (optimzer.lr=3): ", "did you mean 'optimizer'?"},
    {"experiment: response\noutput: o\n", NULL, "model is missing", "add `model: ...`"},
    {"experiment: response\nmodel: m\n", NULL, "output is missing: the results file to write",
     "add `output: ...`"},
    {"experiment: response\nmodel: {file: a.ckpt, files: [b.ckpt]}\noutput: o\n", NULL,
     ".yaml:2:8: model has both file and files", "leave one out"},
    {"experiment: response\nmodel: {files: a.ckpt}\noutput: o\n", NULL,
     ".yaml:2:16: model.files is \"a.ckpt\"", "expected a list of texts"},
    {"experiment: response\nmodel: {units: {stimulus_rate_hz: 3}}\noutput: o\n", NULL,
     ".yaml:2:8: model.file is missing", "add `model.file: ...`"},
    {HEAD, NULL, "objective is missing: what to increase",
     "kinds: increase, decrease, inner_neuron"},
    {HEAD "objective: {kind: inner_neuron}\n", NULL, ".yaml:4:12: objective.channel is missing",
     "a whole number of at least 0"},
    {JOB "postprocess: [norm_clip]\n", NULL, ".yaml:5:15: postprocess.0.norm is missing",
     "a number from 0 to 1000 (SD)"},

    /* wrong types */
    {JOB "optimizer: {lr: abc}\n", NULL, ".yaml:5:17: optimizer.lr is \"abc\"",
     "expected a number above 0"},
    {JOB "optimizer: {lr: '1'}\n", NULL, ".yaml:5:17: optimizer.lr is \"1\"", "expected a number"},
    {JOB "optimizer: {lr: [1, 2]}\n", NULL, ".yaml:5:17: optimizer.lr is [1,2]",
     "to sweep it: `sweep: {optimizer.lr: [...]}`"},
    {JOB "optimizer: {lr: }\n", NULL, ".yaml:5:13: optimizer.lr is empty (null)",
     "or leave the key out"},
    {JOB "optimizer: {lr: .nan}\n", NULL, "optimizer.lr is nan", "expected a number above 0"},
    {JOB "optimizer: {nesterov: yes}\n", NULL, ".yaml:5:23: optimizer.nesterov is \"yes\"",
     "expected true or false"},
    {JOB "optimizer: 5\n", NULL, ".yaml:5:12: optimizer is 5",
     "expected a kind or {kind: KIND, ...}; kinds: sgd, adam"},
    {JOB "optimizer: [sgd]\n", NULL, ".yaml:5:12: optimizer is [\"sgd\"]", "kinds: sgd, adam"},
    {JOB "optimizer:\n", NULL, ".yaml:5:1: optimizer is empty (null)", "kinds: sgd, adam"},
    {JOB "optimizer: {kind: 5}\n", NULL, ".yaml:5:19: optimizer is 5", "kinds: sgd, adam"},
    {JOB "optimizer: sdg\n", NULL, ".yaml:5:12: optimizer: there is no kind 'sdg'",
     "did you mean 'sgd'? known kinds: sgd, adam"},
    {JOB "postprocess: [{norm: 1}]\n", NULL, ".yaml:5:15: postprocess.0 has no kind",
     "add `kind: NAME`, one of norm_clip, temporal_gaussian"},
    {JOB "postprocess: 3\n", NULL, ".yaml:5:14: postprocess is 3", "expected a list of kinds"},
    {JOB "postprocess: [clip, 3]\n", NULL, ".yaml:5:15: postprocess.0: there is no kind 'clip'",
     "known kinds: norm_clip, temporal_gaussian"},
    {JOB "session: 20200226\n", NULL, ".yaml:5:10: session is 20200226",
     "in quotes if it looks like a number"},
    {JOB "note: ''\n", NULL, ".yaml:5:7: note is \"\"", "expected text"},
    {JOB "stop: {patience: 2.5}\n", NULL, ".yaml:5:18: stop.patience is 2.5",
     "expected a whole number of at least 1; null for none"},
    {JOB "stop: {patience: 1e300}\n", NULL, "stop.patience is 1e+300", "expected a whole number"},
    {JOB "stop: 5\n", NULL, ".yaml:5:7: stop is 5",
     "expected a map with some of the keys max_iterations, patience"},
    {JOB "stimulus: {init: [1]}\n", NULL, ".yaml:5:18: stimulus.init is [1]",
     "a map with some of the keys file, std"},
    {JOB "stimulus: {init: 3}\n", NULL, ".yaml:5:18: stimulus.init.file is 3", "expected text"},
    {JOB "seeds: 0-10\n", NULL, ".yaml:5:8: seeds: \"0-10\" is no list of whole numbers",
     "expected 5, [1, 4, 9], \"0:50\""},
    {JOB "seeds: 5:5\n", NULL, ".yaml:5:8: seeds: ", "its end is excluded"},
    {JOB "seeds: [1, 2, 1]\n", NULL, ".yaml:5:8: seeds: ", "names 1 more than once"},
    {JOB "seeds: 2.5\n", NULL, ".yaml:5:8: seeds is 2.5", "expected whole numbers"},
    {JOB "seeds: {group: 3}\n", NULL, ".yaml:5:8: seeds is {\"group\":3}",
     "expected whole numbers"},
    {JOB "neurons: {type: 3}\n", NULL, ".yaml:5:11: neurons has no key 'type'",
     "valid keys: group"},
    {JOB "postprocess: [{kind: norm_clip, norm: 1, range: [1]}]\n", NULL,
     ".yaml:5:49: postprocess.0.range is [1]", "expected [low, high] or {CHANNEL: [low, high]"},
    {JOB "postprocess: [{kind: norm_clip, norm: 1, range: {uv: [2, 1]}}]\n", NULL,
     ".yaml:5:54: postprocess.0.range.uv is [2,1]", "[low, high]"},
    {JOB "postprocess: [{kind: norm_clip, norm: 1, range: {uv: [a, 1]}}]\n", NULL,
     "postprocess.0.range.uv is", "null leaves an end open"},
    {JOB "postprocess: [{kind: norm_clip, norm: 1, range: {}}]\n", NULL,
     "postprocess.0.range is {}", "[low, high]"},

    /* out of range */
    {JOB "optimizer: {momentum: 1.5}\n", NULL, ".yaml:5:23: optimizer.momentum is 1.5",
     "expected a number from 0 to 1"},
    {JOB "optimizer: {lr: 0}\n", NULL, ".yaml:5:17: optimizer.lr is 0",
     "expected a number above 0"},
    {JOB "stimulus: {frames: 0}\n", NULL, ".yaml:5:20: stimulus.frames is 0",
     "expected a whole number from 1 to 100000 (frames)"},
    {JOB "seed: -1\n", NULL, ".yaml:5:7: seed is -1", "expected a whole number of at least 0"},
    {JOB "seed: 99999999999999999999\n", NULL, "seed is 1e+20",
     "expected a whole number of at least 0"},

    /* sweeps */
    {JOB "sweep: 5\n", NULL,
     ".yaml:5:8: sweep: ", "expected a map such as {optimizer.lr: [1, 10]}"},
    {JOB "sweep: {optimizer.lr: 5}\n", NULL, ".yaml:5:9: sweep of optimizer.lr is 5",
     "expected a list such as [1, 10] or range(1,11,3)"},
    {JOB "sweep: {optimizer.lr: []}\n", NULL, ".yaml:5:9: sweep of optimizer.lr is []",
     "expected a list"},
    {JOB "sweep: {optimizer: {lr: [1]}}\n", NULL, ".yaml:5:9: sweep of optimizer is",
     "keys joined by dots, `optimizer.KEY: [...]`"},
    {JOB "sweep: {optimizer.lr: [1, 2, 1.0]}\n", NULL,
     ".yaml:5:30: sweep of optimizer.lr: 1 is there twice", "keep one"},
    {JOB "sweep: {optimizer.lr: [1, a]}\n", NULL, ".yaml:5:27: optimizer.lr is \"a\"",
     "expected a number above 0"},
    {JOB "sweep: {optimizer.lr: [1, 0]}\n", NULL, ".yaml:5:27: optimizer.lr is 0",
     "expected a number above 0"},
    {JOB "sweep: {optimizer.lr: [[1, 2]]}\n", NULL, ".yaml:5:24: sweep of optimizer.lr: [1,2]",
     "only numbers, texts and truth values"},
    {JOB "sweep: {stop.patience: [1, null]}\n", NULL, ".yaml:5:28: sweep of stop.patience: null",
     "only numbers, texts and truth values"},
    {JOB "sweep: {optimizer.lrr: [1]}\n", NULL,
     ".yaml:5:9: sweep of optimizer.lrr: optimizer has no key 'lrr'", "did you mean 'lr'?"},
    {JOB "sweep: {optimzer.lr: [1]}\n", NULL,
     ".yaml:5:9: sweep of optimzer.lr: this job has no key 'optimzer'",
     "did you mean 'optimizer'?"},
    {JOB "sweep: {stimulus.frames: [50, 60]}\n", NULL, ".yaml:5:9: stimulus.frames cannot be swept",
     "run one job for each"},
    {JOB "sweep: {neurons: [1, 2]}\n", NULL, ".yaml:5:9: neurons cannot be swept",
     "list its values instead"},
    {JOB "sweep: {model: [a, b]}\n", NULL, ".yaml:5:9: model cannot be swept",
     "run one job for each"},
    {JOB "sweep: {model.file: [a, b]}\n", NULL, ".yaml:5:9: model.file cannot be swept",
     "run one job for each"},
    {JOB "sweep: {stop: [1, 2]}\n", NULL, ".yaml:5:9: stop cannot be swept",
     "such as stop.max_iterations"},
    {JOB "sweep: {layers: [1, 2]}\n", NULL, ".yaml:5:9: layers cannot be swept",
     "only single numbers, texts, truth values and kinds"},
    {JOB "sweep: {sweep.x: [1, 2]}\n", NULL, ".yaml:5:9: sweep.x cannot be swept",
     "it names no setting"},
    {JOB "sweep: {optimizer.kind: [sgd, adm]}\n", NULL,
     ".yaml:5:31: optimizer.kind: there is no kind 'adm'", "did you mean 'adam'?"},
    {JOB "optimizer: {momentum: 0.5}\nsweep: {optimizer.kind: [sgd, adam]}\n", NULL,
     ".yaml:5:13: optimizer of kind adam has no key 'momentum'", "valid keys: kind, lr, eps"},
    {JOB "sweep: {optimizer: [sgd, adam], optimizer.lr: [1]}\n", NULL,
     ".yaml:5:33: sweeps of optimizer and optimizer.lr", "keep one of them"},
    {JOB "sweep: {optimizer.lr: range(1,2,0)}\n", NULL,
     ".yaml:5:9: sweep of optimizer.lr is \"range(1\"", "within { } in quotes"},
    {JOB "sweep:\n  optimizer.lr: range(1,2,0)\n", NULL, ".yaml:6:17: range(1,2,0) has a step of 0",
     "step"},
    {JOB "sweep:\n  optimizer.lr: range(2,1)\n", NULL, ".yaml:6:17: range(2,1) has no values",
     "its end is excluded"},
    {JOB "sweep: {postprocess.0.norm: [1, 2]}\n", NULL,
     ".yaml:5:30: postprocess.0.norm cannot be set: postprocess is a list of 0",
     "+postprocess.0=... adds one"},
    {JOB "sweep: {seed.x: [1]}\n", NULL, ".yaml:5:", "seed"},
    {JOB, "optimizer.lr=1,1",
     "override 1 (optimizer.lr=1,1): sweep of optimizer.lr: 1 is there twice", "keep one"},
    {JOB, "stimulus.frames=50,60",
     "override 1 (stimulus.frames=50,60): stimulus.frames cannot be swept", "run one job for each"},
    {JOB, "optimizer.lr=range(0,20000)", "sweep of optimizer.lr has 20000 values", "at most 10000"},

    /* overrides */
    {JOB, "optimizer.lr", "override 1 (optimizer.lr): ", "expected KEY=VALUE, +KEY=VALUE or ~KEY"},
    {JOB, "", "override 1 (): ", "expected KEY=VALUE"},
    {JOB, "=3", "override 1 (=3): ", "expected a key such as optimizer.lr"},
    {JOB, "a..b=3", "override 1 (a..b=3): ", "expected a key such as optimizer.lr"},
    {JOB, "a b=3", "override 1 (a b=3): ", "expected a key such as optimizer.lr"},
    {JOB, "optimizer.lr=", "override 1 (optimizer.lr=): no value after '='",
     "write null for none, '' for empty text"},
    {JOB, "optimizer.lr=1,",
     "override 1 (optimizer.lr=1,): ", "a value is missing after the last comma"},
    {JOB, "optimizer.lr=[1", "override 1 (optimizer.lr=[1): not valid YAML",
     "flow sequence without a closing bracket"},
    {JOB, "optimizer.lr=1]", "override 1 (optimizer.lr=1]): not valid YAML", "closing bracket"},
    {JOB, "optimizer.lr=abc", "override 1 (optimizer.lr=abc): optimizer.lr is \"abc\"",
     "expected a number above 0"},
    {JOB, "optimizer.lr.x=1", "override 1 (optimizer.lr.x=1): ", "optimizer.lr"},
    {JOB "optimizer: {lr: 1}\n", "optimizer.lr.x=1", "optimizer.lr.x cannot be set",
     "optimizer.lr is no map"},
    {JOB, "range.x=range(1,a)", "range(1,a) is no range",
     "write range(START,STOP) or range(START,STOP,STEP)"},
    {JOB, "optimizer.lr=range(1,2,3,4)", "is no range", "write range(START,STOP)"},
    {JOB, "optimizer.lr=range()", "is no range", "write range(START,STOP)"},
    {JOB, "optimizer.lr=range(0,1,1e-9)", "has more than a million values", "optimizer.lr"},
    {JOB, "~optimizer.lr", "override 1 (~optimizer.lr): ", "nothing to delete"},
    {JOB, "~model=3", "override 1 (~model=3): ", "leave out the '='"},
    {JOB "optimizer: {lr: 1}\n", "+optimizer.lr=3",
     "override 1 (+optimizer.lr=3): ", "leave out the +"},
    {JOB "postprocess: [temporal_gaussian]\n", "postprocess.1=norm_clip",
     "postprocess is a list of 1, counted from 0", "+postprocess.1=... adds one"},
    {JOB "postprocess: [temporal_gaussian]\n", "+postprocess.0=norm_clip", "override 1 (",
     "leave out the +"},
    {JOB "postprocess: [temporal_gaussian]\n", "postprocess.x=norm_clip", "override 1 (",
     "postprocess is a list of 1"},
    {JOB "sweep: 3\n", "optimizer.lr=1,2", "override 1 (", "`sweep` of the job file is no map"},
};

static void check(const wrong_job *wrong) {
  ins_job *job = (ins_job *)wrong;
  const char *overrides[] = {wrong->override};
  ins_message_clear();
  ins_status status = load_text(wrong->text, overrides, wrong->override != NULL, &job);
  const char *message = ins_message();
  if (status != INS_ERR_ARGUMENT)
    fail_msg("%s (%s): %s instead of a refusal", wrong->text,
             wrong->override ? wrong->override : "", ins_status_name(status));
  if (!strstr(message, wrong->place) || !strstr(message, wrong->advice))
    fail_msg("'%s' does not say '%s' and '%s'", message, wrong->place, wrong->advice);
  if (strchr(message, '\n')) fail_msg("'%s' has more than one line", message);
  assert_null(job);
}

static void each_wrong_job_gives_one_clear_message(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrong_jobs / sizeof *wrong_jobs; i++) check(&wrong_jobs[i]);
}

static void a_job_that_cannot_be_read_is_no_wrong_job(void **state) {
  (void)state;
  ins_job *job;
  assert_int_equal(ins_job_load("no/such.yaml", NULL, 0, test_experiments, &job), INS_ERR_IO);
  assert_non_null(strstr(ins_message(), "no/such.yaml: cannot be read"));
  assert_null(job);
}

static void messages_stay_readable_when_values_are_long(void **state) {
  (void)state;
  ins_text text = {0};
  ins_job *job;
  ins_text_add(&text, JOB "optimizer: {lr: '");
  for (int i = 0; i < 2000; i++) ins_text_add(&text, "é");
  ins_text_add(&text, "'}\n");
  assert_int_equal(load_text(text.data, NULL, 0, &job), INS_ERR_ARGUMENT);
  assert_true(strlen(ins_message()) < 200);
  assert_non_null(strstr(ins_message(), "é...; expected a number above 0"));
  ins_text_free(&text);
}

/* A mistake in a table is ours, not the user's. */
static void a_wrong_default_is_a_defect(void **state) {
  (void)state;
  const ins_key keys[] = {{.name = "n", .type = INS_KEY_INT, .fallback = "many"}, {0}};
  const ins_variant experiments[] = {{"bad", "", keys, NULL}, {0}};
  char path[] = "job_XXXXXX";
  ins_job *job;
  int file = mkstemp(path);
  assert_int_equal(write(file, "experiment: bad\nmodel: m\noutput: o\n", 35), 35);
  close(file);
  assert_int_equal(ins_job_load(path, NULL, 0, experiments, &job), INS_ERR_INTERNAL);
  assert_non_null(strstr(ins_message(), "the default of n: n is \"many\""));
  unlink(path);
}

/* Changed bytes give a job or one message. */
static void damaged_jobs_never_crash(void **state) {
  (void)state;
  static const char bytes[] = "[]{},:&*#?|>-!%'\"\n 0.a~";
  uint32_t seed = 7;
  size_t good = 0;
  for (int round = 0; round < 3000; round++) {
    char copy[sizeof full_job];
    ins_job *job;
    memcpy(copy, full_job, sizeof full_job);
    for (int k = 0; k < 1 + round % 3; k++) {
      seed = seed * 1664525u + 1013904223u;
      copy[(seed >> 8) % (sizeof full_job - 1)] = bytes[(seed >> 24) % (sizeof bytes - 1)];
    }
    ins_message_clear();
    ins_status status = load_bytes(copy, sizeof full_job - 1, NULL, 0, &job);
    assert_true(status == INS_OK || (status == INS_ERR_ARGUMENT && ins_message()[0] && !job));
    good += status == INS_OK;
    ins_job_destroy(&job);
  }
  assert_true(good > 0 && good < 3000);
}

static void damaged_overrides_never_crash(void **state) {
  (void)state;
  static const char words[][12] = {"optimizer", "postprocess", "sweep", ".",      "=", ",", "0",
                                   "lr",        "~",           "+",     "range(", ")", "[", "]",
                                   "{",         "}",           "kind",  ":",      " ", "1", "model",
                                   "neurons",   "all",         "units"};
  uint32_t seed = 3;
  for (int round = 0; round < 3000; round++) {
    char text[2][128] = {"", ""};
    const char *overrides[] = {text[0], text[1]};
    ins_job *job;
    for (int k = 0; k < 14; k++) {
      seed = seed * 1664525u + 1013904223u;
      strcat(text[k % 2], words[(seed >> 16) % (sizeof words / sizeof *words)]);
      if (k == 3) strcat(strcat(text[0], "="), "");
    }
    ins_message_clear();
    ins_status status = load_text(full_job, overrides, 2, &job);
    assert_true(status == INS_OK || (status == INS_ERR_ARGUMENT && ins_message()[0] && !job));
    ins_job_destroy(&job);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_wrong_job_gives_one_clear_message),
      cmocka_unit_test(a_job_that_cannot_be_read_is_no_wrong_job),
      cmocka_unit_test(messages_stay_readable_when_values_are_long),
      cmocka_unit_test(a_wrong_default_is_a_defect),
      cmocka_unit_test(damaged_jobs_never_crash),
      cmocka_unit_test(damaged_overrides_never_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
