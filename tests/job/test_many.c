/* SPDX-License-Identifier: MIT */
/* Keys that take several values, what is measured in place of a number, kinds within kinds. */
#include "registry.h"

#include "insilico/memory.h"

/* Stimuli as a battery could declare them; a sequence has stimuli as its parts. */
static const ins_variant places[] = {{.name = "field"}, {.name = "cell"}, {0}};
#define SHARED_KEYS                                                                                \
  {.name = "place",                                                                                \
   .type = INS_KEY_TEXT,                                                                           \
   .fallback = "field",                                                                            \
   .flags = INS_KEY_SHAPES,                                                                        \
   .variants = places},                                                                            \
      {.name = "contrast",                                                                         \
       .type = INS_KEY_REAL,                                                                       \
       .fallback = "1.0",                                                                          \
       .flags = INS_KEY_MANY | INS_KEY_SHAPES,                                                     \
       .min = -100,                                                                                \
       .max = 100},                                                                                \
      {.name = "x_um",                                                                             \
       .type = INS_KEY_REAL,                                                                       \
       .flags = INS_KEY_MANY | INS_KEY_NULLABLE,                                                   \
       .min = -1e6,                                                                                \
       .max = 1e6},                                                                                \
  {                                                                                                \
    .name = "color", .type = INS_KEY_TEXT, .fallback = "white", .flags = INS_KEY_MANY              \
  }

static const ins_key spot_keys[] = {SHARED_KEYS,
                                    {.name = "diameter_um",
                                     .type = INS_KEY_REAL,
                                     .fallback = "linspace(100,300,3)",
                                     .flags = INS_KEY_MANY | INS_KEY_REFERENCE,
                                     .min = DBL_MIN,
                                     .max = 1e5,
                                     .units = "um"},
                                    {.name = "blur_um",
                                     .type = INS_KEY_REAL,
                                     .fallback = "1",
                                     .flags = INS_KEY_REFERENCE | INS_KEY_SHAPES,
                                     .min = 0,
                                     .max = 10},
                                    {0}};
static const ins_key bar_keys[] = {SHARED_KEYS,
                                   {.name = "direction_deg",
                                    .type = INS_KEY_REAL,
                                    .fallback = "range(0,360,90)",
                                    .flags = INS_KEY_MANY,
                                    .min = -360,
                                    .max = 360,
                                    .units = "deg"},
                                   {.name = "n_bars",
                                    .type = INS_KEY_INT,
                                    .fallback = "[1, 2]",
                                    .flags = INS_KEY_MANY,
                                    .min = 0,
                                    .max = 100000},
                                   {0}};
static const ins_key movie_keys[] = {
    {.name = "file", .type = INS_KEY_TEXT, .flags = INS_KEY_REQUIRED | INS_KEY_CONTENTS}, {0}};
static const ins_variant stimuli[5];
static const ins_key sequence_keys[] = {
    {.name = "parts", .type = INS_KEY_CHOICES, .flags = INS_KEY_REQUIRED, .variants = stimuli},
    {0}};
static const ins_variant stimuli[5] = {{"spot", "a disc", spot_keys, NULL},
                                       {"bar", "moves", bar_keys, NULL},
                                       {"movie", "from a file", movie_keys, NULL},
                                       {"sequence", "one after the other", sequence_keys, NULL},
                                       {0}};
static const ins_key tuning_keys[] = {
    {.name = "stimuli", .type = INS_KEY_CHOICES, .flags = INS_KEY_REQUIRED, .variants = stimuli},
    {.name = "noise", .type = INS_KEY_REAL, .fallback = "0", .max = 10},
    {.name = "reference", .type = INS_KEY_TEXT, .flags = INS_KEY_NULLABLE | INS_KEY_CONTENTS},
    {0}};
static const ins_variant tuning_experiments[] = {{"tuning", "curves", tuning_keys, NULL}, {0}};

#define HEAD "experiment: tuning\nmodel: m.ckpt\noutput: o.h5\n" /* three lines */
#define SPOT HEAD "stimuli:\n- kind: spot\n"                     /* what follows stands on line 6 */
#define BAR  HEAD "stimuli:\n- kind: bar\n"

static ins_status load(const char *text, const char *const *overrides, ins_job **job) {
  char path[] = "job_XXXXXX.yaml";
  size_t n = 0;
  int file = mkstemps(path, 5);
  assert_true(file >= 0);
  assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
  close(file);
  while (overrides && overrides[n]) n++;
  ins_status status = ins_job_load(path, overrides, n, tuning_experiments, job);
  unlink(path);
  return status;
}

static ins_job *good(const char *text, const char *const *overrides) {
  ins_job *job = NULL;
  ins_status status = load(text, overrides, &job);
  if (status != INS_OK) print_error("%s\n", ins_message());
  assert_int_equal(status, INS_OK);
  return job;
}

/* What stimuli.0.KEY becomes. */
static void check(const char *text, const char *const *overrides, const char *path,
                  const char *expected) {
  ins_job *job = good(text, overrides);
  assert_json(job->settings, path, expected);
  assert_int_equal(job->n_sweeps, 0);
  ins_job_destroy(&job);
}

static void one_value_or_several_become_a_list(void **state) {
  (void)state;
  check(SPOT, NULL, "stimuli.0.contrast", "[1.0]");
  check(SPOT "  contrast: 2\n", NULL, "stimuli.0.contrast", "[2.0]");
  check(SPOT "  contrast: [2, -1, 0.5]\n", NULL, "stimuli.0.contrast", "[2.0,-1.0,0.5]");
  check(SPOT "  contrast: [-0.0]\n", NULL, "stimuli.0.contrast", "[0.0]");
  check(SPOT "  color: green\n", NULL, "stimuli.0.color", "[\"green\"]");
  check(SPOT "  color: [green, '1, -0.5']\n", NULL, "stimuli.0.color", "[\"green\",\"1, -0.5\"]");
  check(BAR, NULL, "stimuli.0.n_bars", "[1,2]");
  check(BAR "  n_bars: 7.0\n", NULL, "stimuli.0.n_bars", "[7]");
}

static void null_stays_null(void **state) {
  (void)state;
  check(SPOT, NULL, "stimuli.0.x_um", "null");
  check(SPOT "  x_um:\n", NULL, "stimuli.0.x_um", "null");
  check(SPOT "  x_um: 3\n", OVERRIDES("stimuli.0.x_um=null"), "stimuli.0.x_um", "null");
}

static void series_become_their_values(void **state) {
  (void)state;
  check(BAR, NULL, "stimuli.0.direction_deg", "[0.0,90.0,180.0,270.0]");
  check(BAR "  direction_deg: range(5, 20, 5)\n", NULL, "stimuli.0.direction_deg",
        "[5.0,10.0,15.0]");
  check(BAR "  direction_deg: range(0.1,0.4,0.1)\n", NULL, "stimuli.0.direction_deg",
        "[0.1,0.2,0.3]");
  check(HEAD "stimuli: [{kind: bar, direction_deg: 'range(0,3)'}]\n", NULL,
        "stimuli.0.direction_deg", "[0.0,1.0,2.0]");
  check(SPOT, NULL, "stimuli.0.diameter_um", "[100.0,200.0,300.0]");
  check(SPOT "  diameter_um: \"linspace(50, 600, 12)\"\n", NULL, "stimuli.0.diameter_um",
        "[50.0,100.0,150.0,200.0,250.0,300.0,350.0,400.0,450.0,500.0,550.0,600.0]");
  check(SPOT "  diameter_um: geomspace(1,1000,4)\n", NULL, "stimuli.0.diameter_um",
        "[1.0,10.0,100.0,1000.0]");
  check(SPOT "  contrast: geomspace(-1,-100,3)\n", NULL, "stimuli.0.contrast",
        "[-1.0,-10.0,-100.0]");
  check(SPOT "  contrast: linspace(start=1,stop=-1,num=3)\n", NULL, "stimuli.0.contrast",
        "[1.0,0.0,-1.0]");
  check(SPOT "  contrast: linspace(3,5,1)\n", NULL, "stimuli.0.contrast", "[3.0]");
  check(BAR "  n_bars: linspace(1,9,5)\n", NULL, "stimuli.0.n_bars", "[1,3,5,7,9]");
  check(SPOT "  contrast: ['range(0,3)', 7, 'linspace(10,20,2)']\n", NULL, "stimuli.0.contrast",
        "[0.0,1.0,2.0,7.0,10.0,20.0]");
}

/* Every value is the real next to the decimal that a person would write. */
static void equal_distances_are_exact_decimals(void **state) {
  (void)state;
  ins_job *job = good(SPOT "  contrast: linspace(-0.1,0.9,1001)\n", NULL);
  const ins_value *list = ins_value_at(job->settings, "stimuli.0.contrast");
  assert_int_equal(ins_value_count(list), 1001);
  for (int i = 0; i <= 1000; i++) {
    char digits[16];
    snprintf(digits, sizeof digits, "%s%d.%03d", i < 100 ? "-" : "", 0, abs(i - 100));
    assert_true(list->children.items[i]->real == strtod(digits, NULL));
  }
  ins_job_destroy(&job);
  check(SPOT "  contrast: linspace(0,1,4)\n", NULL, "stimuli.0.contrast.1", "0.3333333333333333");
}

static void overrides_list_and_do_not_sweep(void **state) {
  (void)state;
  check(BAR, OVERRIDES("stimuli.0.direction_deg=range(0,360,120)"), "stimuli.0.direction_deg",
        "[0.0,120.0,240.0]");
  check(BAR, OVERRIDES("stimuli.0.direction_deg=linspace(0, 90, 3)"), "stimuli.0.direction_deg",
        "[0.0,45.0,90.0]");
  check(SPOT, OVERRIDES("stimuli.0.contrast=0.1,0.5,1"), "stimuli.0.contrast", "[0.1,0.5,1.0]");
  check(SPOT, OVERRIDES("stimuli.0.contrast=[0.1, 0.5]"), "stimuli.0.contrast", "[0.1,0.5]");
  check(SPOT, OVERRIDES("stimuli.0.contrast=0.5"), "stimuli.0.contrast", "[0.5]");
  check(SPOT, OVERRIDES("stimuli.0.color=green,uv"), "stimuli.0.color", "[\"green\",\"uv\"]");
  check(SPOT "  contrast: [1, 2, 3]\n", OVERRIDES("stimuli.0.contrast.1=5"), "stimuli.0.contrast",
        "[1.0,5.0,3.0]");
  check(SPOT, OVERRIDES("stimuli.0.diameter_um=2 * sigma_um"), "stimuli.0.diameter_um",
        "\"2 * sigma_um\"");
  check(SPOT, OVERRIDES("+stimuli.1={kind: bar, direction_deg: 'range(0,2)'}"),
        "stimuli.1.direction_deg", "[0.0,1.0]");
  check(SPOT "  diameter_um: 5\n", OVERRIDES("~stimuli.0.diameter_um"), "stimuli.0.diameter_um",
        "[100.0,200.0,300.0]");
}

static void all_series_sweep_keys_of_one_value(void **state) {
  (void)state;
  ins_job *job = good(SPOT, OVERRIDES("noise=geomspace(0.01,1,3)"));
  ins_text json = {0};
  assert_int_equal(job->n_sweeps, 1);
  ins_value_json(job->sweeps[0].values, 10, &json);
  assert_string_equal(json.data, "[0.01,0.1,1.0]");
  ins_text_free(&json);
  ins_job_destroy(&job);
}

static void references_stay_text(void **state) {
  (void)state;
  static const char *const references[] = {"sigma_um", "2 * sigma_um", "1.5e1*spot_2.size_um",
                                           "0.5 *x", "flash.best"};
  for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
    char *text =
        ins_format(SPOT "  diameter_um: %s\n  blur_um: '%s'\n", references[i], references[i]);
    char *expected = ins_format("\"%s\"", references[i]);
    check(text, NULL, "stimuli.0.diameter_um", expected);
    check(text, NULL, "stimuli.0.blur_um", expected);
    free(text);
    free(expected);
  }
  check(SPOT "  blur_um: 3\n", NULL, "stimuli.0.blur_um", "3.0");
}

static bool parse_reference(const char *text, double *factor, char *name, size_t size) {
  ins_value *value = ins_value_text(text);
  bool is = ins_reference_parse(value, factor, name, size);
  ins_value_destroy(&value);
  return is;
}

static void a_reference_is_a_factor_and_a_name(void **state) {
  (void)state;
  char name[32];
  double factor;
  assert_true(parse_reference("sigma_um", &factor, name, sizeof name));
  assert_true(factor == 1);
  assert_string_equal(name, "sigma_um");
  assert_true(parse_reference("+2.5e-1  *  spot.preferred_size_um", &factor, name, sizeof name));
  assert_true(factor == 0.25);
  assert_string_equal(name, "spot.preferred_size_um");
  assert_false(ins_reference_parse(NULL, &factor, name, sizeof name));
  assert_false(parse_reference("2 * sigma_um", &factor, name, 8));
  assert_true(parse_reference("2 * sigma_um", &factor, name, 9));
  static const char *const wrong[] = {
      "",       " ",       "2",          "2 sigma",  "2 *",      "* sigma", "0 * sigma",
      "-1 * x", "x * 2",   "2 * 3",      "2 * x ",   " x",       "X",       "a.b.c",
      "a.",     ".a",      "a-b",        "inf * x",  "nan * x",  "2 ** x",  "1e999 * x",
      "2x * y", "1_0 * x", "2 * 2sigma", "sigma um", "0x2 * um", "a..b",    "2 * x * y",
      "e * x",  "1e * x",  "range(1,2)", "1 * 1 * x"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    factor = 7;
    strcpy(name, "unset");
    if (parse_reference(wrong[i], &factor, name, sizeof name))
      fail_msg("'%s' passes for a reference", wrong[i]);
    assert_true(factor == 7);
    assert_string_equal(name, "unset");
  }
}

typedef struct refusal {
  const char *text, *override;
  const char *place, *advice;
} refusal;

static const refusal refusals[] = {
    /* limits, with the place of the value */
    {HEAD "stimuli:\n- kind: spot\n- spot\n- {kind: bar, direction_deg: [0, 90, 1, 400]}\n", NULL,
     ".yaml:7:41: stimuli.2.direction_deg[3] is 400;", "expected a number from -360 to 360 (deg)"},
    {BAR "  direction_deg: 400\n", NULL, ".yaml:6:18: stimuli.0.direction_deg is 400;",
     "expected a number from -360 to 360 (deg)"},
    {BAR "  direction_deg: range(0,720,180)\n", NULL, ".yaml:6:18: stimuli.0.direction_deg is 540;",
     "from -360 to 360"},
    {BAR "  direction_deg: [5, 'linspace(0,400,3)']\n", NULL,
     ".yaml:6:22: stimuli.0.direction_deg[1] is 400;", "from -360 to 360"},
    {SPOT "  diameter_um: [100, 0]\n", NULL, ".yaml:6:22: stimuli.0.diameter_um[1] is 0;",
     "expected a number above 0, at most 100000 (um)"},
    {BAR "  n_bars: [1, 2.5]\n", NULL, ".yaml:6:15: stimuli.0.n_bars[1] is 2.5;",
     "expected a whole number from 0 to 100000"},
    {BAR "  n_bars: linspace(1,2,3)\n", NULL, ".yaml:6:11: stimuli.0.n_bars is 1.5;",
     "expected a whole number"},

    /* what is no value */
    {SPOT "  contrast: [1, .nan]\n", NULL, ".yaml:6:17: stimuli.0.contrast[1] is nan;",
     "expected a number from -100 to 100"},
    {SPOT "  contrast: .nan\n", NULL, "stimuli.0.contrast is nan;", "expected a number"},
    {SPOT "  contrast: [1, a]\n", NULL, ".yaml:6:17: stimuli.0.contrast[1] is \"a\";",
     "expected a number from -100 to 100"},
    {SPOT "  contrast: a\n", NULL, ".yaml:6:13: stimuli.0.contrast is \"a\";",
     "expected a number from -100 to 100, several in a list, 'range(START,STOP,STEP)'"},
    {SPOT "  contrast: []\n", NULL, ".yaml:6:13: stimuli.0.contrast is [];", "several in a list"},
    {SPOT "  contrast: {a: 1}\n", NULL, ".yaml:6:13: stimuli.0.contrast is {\"a\":1};",
     "several in a list"},
    {SPOT "  contrast: true\n", NULL, "stimuli.0.contrast is true;", "several in a list"},
    {SPOT "  contrast:\n", NULL, ".yaml:6:3: stimuli.0.contrast is empty (null);",
     "or leave the key out"},
    {SPOT "  x_um: [1, null]\n", NULL, ".yaml:6:13: stimuli.0.x_um[1] is empty (null);",
     "expected a number"},
    {SPOT "  contrast: [[1, 2]]\n", NULL, ".yaml:6:14: stimuli.0.contrast[0] is [1,2];",
     "expected a number"},
    {SPOT "  color: [green, 3]\n", NULL, ".yaml:6:18: stimuli.0.color[1] is 3;",
     "expected text (in quotes if it looks like a number)"},
    {SPOT "  color: 3\n", NULL, ".yaml:6:10: stimuli.0.color is 3;", "or a list of such"},
    {SPOT "  color: ''\n", NULL, ".yaml:6:10: stimuli.0.color is \"\";", "or a list of such"},
    {SPOT "  place: sell\n", NULL, ".yaml:6:10: stimuli.0.place: there is no kind 'sell';",
     "did you mean 'cell'? known kinds: field, cell"},
    {SPOT "  place: 3\n", NULL, ".yaml:6:10: stimuli.0.place is 3;", "one of field, cell"},
    {SPOT "  place: [field, cell]\n", NULL, ".yaml:6:10: stimuli.0.place is [",
     "one of field, cell"},

    /* the same twice, named */
    {SPOT "  contrast: [1, 0.5, 1.0]\n", NULL, ".yaml:6:22: stimuli.0.contrast: 1 is there twice;",
     "keep one"},
    {SPOT "  contrast: [0, 3, -0.0]\n", NULL, ".yaml:6:20: stimuli.0.contrast: 0 is there twice;",
     "keep one"},
    {SPOT "  contrast: [3, 2, 2, 3]\n", NULL, ".yaml:6:20: stimuli.0.contrast: 2 is there twice;",
     "keep one"},
    {SPOT "  color: [green, uv, green]\n", NULL,
     ".yaml:6:22: stimuli.0.color: \"green\" is there twice;", "keep one"},
    {BAR "  n_bars: [1, 'range(0,3)']\n", NULL, ".yaml:6:15: stimuli.0.n_bars: 1 is there twice;",
     "keep one"},
    {SPOT "  contrast: linspace(1,1,2)\n", NULL,
     ".yaml:6:13: stimuli.0.contrast: 1 is there twice;", "keep one"},
    {BAR "  n_bars: range(0,20000)\n", NULL, ".yaml:6:11: stimuli.0.n_bars: 10000 is one too many;",
     "at most 10000 values"},

    /* series that are none */
    {SPOT "  contrast: range(1,2,0)\n", NULL, ".yaml:6:13: range(1,2,0) has a step of 0", "step"},
    {SPOT "  contrast: range(2,1)\n", NULL, ".yaml:6:13: range(2,1) has no values",
     "its end is excluded"},
    {SPOT "  contrast: linspace(1,2)\n", NULL, ".yaml:6:13: linspace(1,2) is no linspace;",
     "write linspace(START,STOP,N)"},
    {SPOT "  contrast: linspace(1,2,2.5)\n", NULL, "linspace(1,2,2.5) has no number of values",
     "a whole number from 1"},
    {SPOT "  contrast: linspace(1,2,0)\n", NULL, "linspace(1,2,0) has no number of values",
     "a whole number from 1"},
    {SPOT "  contrast: linspace(1,2,x)\n", NULL, "linspace(1,2,x) is no linspace",
     "write linspace(START,STOP,N)"},
    {SPOT "  contrast: linspace(1,2,1e7)\n", NULL, "linspace(1,2,1e7) has more than a million",
     "values"},
    {SPOT "  contrast: geomspace(0,2,3)\n", NULL, ".yaml:6:13: geomspace(0,2,3) has no equal",
     "both ends are above 0, or both below"},
    {SPOT "  contrast: geomspace(-1,2,3)\n", NULL, "geomspace(-1,2,3) has no equal ratios",
     "both ends are above 0"},
    {SPOT "  contrast: 'range(1,2) or so'\n", NULL,
     ".yaml:6:13: stimuli.0.contrast: ", "goes on after its bracket"},
    {HEAD "stimuli: [{kind: bar, direction_deg: range(0,360,30)}]\n", NULL,
     ".yaml:4:38: direction_deg: range(0... is cut at its comma", "put it in quotes within { }"},
    {SPOT "  contrast: [range(0,3,1)]\n", NULL, ".yaml:6:14: stimuli.0.contrast[0]: \"range(0\"",
     "put it in quotes within [ ]"},
    {SPOT "  color: range(0,3)\n  x_um: [a]\n", NULL, "stimuli.0.x_um[0] is \"a\"", "a number"},

    /* references */
    {SPOT "  diameter_um: [100, sigma_um]\n", NULL,
     ".yaml:6:22: stimuli.0.diameter_um[1]: \"sigma_um\" is measured in each neuron",
     "it stands alone, not in a list"},
    {SPOT "  diameter_um: sigma_um * 2\n", NULL,
     ".yaml:6:16: stimuli.0.diameter_um is \"sigma_um * 2\";",
     "or what is measured in each neuron, such as sigma_um or 2 * sigma_um"},
    {SPOT "  diameter_um: -2 * sigma_um\n", NULL, ".yaml:6:16: stimuli.0.diameter_um is \"-2 *",
     "or what is measured in each neuron"},
    {SPOT "  blur_um: Sigma\n", NULL, ".yaml:6:12: stimuli.0.blur_um is \"Sigma\";",
     "a number from 0 to 10; or what is measured"},
    {SPOT "  blur_um: [1, 2]\n", NULL, ".yaml:6:12: stimuli.0.blur_um is [1,2];",
     "or what is measured"},
    {SPOT "  blur_um: 11\n", NULL, ".yaml:6:12: stimuli.0.blur_um is 11;", "a number from 0 to 10"},
    {SPOT "  contrast: sigma_um\n", NULL, ".yaml:6:13: stimuli.0.contrast is \"sigma_um\";",
     "a number from -100 to 100"},

    /* sweeps */
    {SPOT "sweep: {stimuli.0.contrast: [1, 2]}\n", NULL,
     ".yaml:6:9: stimuli.0.contrast cannot be swept", "takes several values; list them there"},
    {SPOT "sweep: {stimuli.0.diameter_um: [1, 2]}\n", NULL,
     ".yaml:6:9: stimuli.0.diameter_um cannot be swept", "list them there"},
    {SPOT, "sweep.stimuli.0.contrast=1,2",
     "override 1 (sweep.stimuli.0.contrast=1,2): ", "list them there"},

    /* overrides */
    {BAR, "stimuli.0.direction_deg=0,400",
     "override 1 (stimuli.0.direction_deg=0,400): stimuli.0.direction_deg[1] is 400;",
     "from -360 to 360"},
    {BAR, "stimuli.0.direction_deg=range(0,0)", "range(0,0) has no values", "end is excluded"},
    {BAR, "stimuli.0.direction_deg=geomspace(1,2)", "override 1 (", "write geomspace("},
    {SPOT, "stimuli.0.color=green,green",
     "override 1 (stimuli.0.color=green,green): ", "\"green\" is there twice; keep one"},
    {SPOT, "stimuli.0.diameter_um=100,2 * sigma_um", "override 1 (", "not in a list"},
    {SPOT, "+stimuli.1={kind: bar, direction_deg: range(0,9)}", "override 1 (",
     "put it in quotes within { }"},

    /* kinds within kinds */
    {HEAD "stimuli:\n- kind: sequence\n  parts: [spot, {kind: bar, direction_deg: 999}]\n", NULL,
     ".yaml:6:44: stimuli.0.parts.1.direction_deg is 999;", "from -360 to 360"},
    {HEAD "stimuli:\n- kind: sequence\n  parts: [spot, {kind: bar, diameter_um: 9}]\n", NULL,
     ".yaml:6:29: stimuli.0.parts.1 of kind bar has no key 'diameter_um'", "direction_deg"},
    {HEAD "stimuli: [{kind: sequence, parts: [{kind: sequence}]}]\n", NULL,
     ".yaml:4:36: stimuli.0.parts.0.parts is missing", "kinds: spot, bar, movie, sequence"},
    {HEAD "stimuli: [{kind: sequence, parts: [blot]}]\n", NULL,
     ".yaml:4:36: stimuli.0.parts.0: there is no kind 'blot'", "did you mean 'spot'?"},
};

static void each_refusal_names_place_and_limit(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    const refusal *r = &refusals[i];
    ins_job *job = (ins_job *)&job;
    ins_message_clear();
    ins_status status = load(r->text, r->override ? OVERRIDES(r->override) : NULL, &job);
    if (status != INS_ERR_ARGUMENT)
      fail_msg("%s (%s): %s instead of a refusal", r->text, r->override ? r->override : "",
               ins_status_name(status));
    if (!strstr(ins_message(), r->place) || !strstr(ins_message(), r->advice))
      fail_msg("'%s' does not say '%s' and '%s'", ins_message(), r->place, r->advice);
    assert_null(strchr(ins_message(), '\n'));
    assert_null(strstr(ins_message(), "to sweep it"));
    assert_null(job);
  }
}

static void kinds_nest_within_bounds(void **state) {
  (void)state;
  check(HEAD "stimuli:\n- kind: sequence\n  parts:\n  - spot\n  - {kind: sequence, parts: bar}\n",
        NULL, "stimuli.0.parts.1.parts.0.direction_deg", "[0.0,90.0,180.0,270.0]");
  check(HEAD "stimuli: [{kind: sequence, parts: [spot, bar]}]\n",
        OVERRIDES("stimuli.0.parts.1.direction_deg=1,2"), "stimuli.0.parts.1.direction_deg",
        "[1.0,2.0]");
  for (int depth = 1; depth < 20; depth++) {
    ins_text text = {0};
    ins_job *job;
    ins_text_add(&text, HEAD "stimuli: ");
    for (int i = 1; i < depth; i++) ins_text_add(&text, "{kind: sequence, parts: ");
    ins_text_add(&text, "spot");
    for (int i = 1; i < depth; i++) ins_text_add(&text, "}");
    ins_text_add(&text, "\n");
    ins_status status = load(text.data, NULL, &job);
    assert_int_equal(status, depth <= 8 ? INS_OK : INS_ERR_ARGUMENT);
    if (status != INS_OK) assert_non_null(strstr(ins_message(), "nested too deep: at most 8"));
    ins_job_destroy(&job);
    ins_text_free(&text);
  }
}

#define SEVERAL                                                                                    \
  HEAD "stimuli:\n- kind: movie\n  file: a.npy\n- kind: sequence\n  parts: [bar, {kind: movie, "   \
       "file: b.h5:x}]\n- kind: spot\n  diameter_um: 2 * sigma_um\nreference: c.npy\n"

static void records_hold_lists_and_no_paths(void **state) {
  (void)state;
  ins_job *job = good(SEVERAL, NULL);
  ins_text json = {0};
  assert_int_equal(ins_job_json(job, &json), INS_OK);
  assert_null(strstr(json.data, "a.npy"));
  assert_null(strstr(json.data, "b.h5"));
  assert_null(strstr(json.data, "c.npy"));
  assert_non_null(strstr(json.data, "{\"kind\":\"movie\",\"file\":\"(by contents)\"}]}"));
  assert_non_null(strstr(json.data, "\"direction_deg\":[0.0,90.0,180.0,270.0]"));
  assert_non_null(strstr(json.data, "\"diameter_um\":\"2 * sigma_um\""));
  assert_json(job->settings, "stimuli.0.file", "\"a.npy\"");

  /* With its output the record is a job again, and the same one. */
  char *again = ins_format("%.*s,\"output\":\"o.h5\"}", (int)json.length - 1, json.data);
  ins_job *copy = good(again, NULL);
  assert_string_equal(copy->hash, job->hash);
  assert_int_equal(ins_job_continues(copy, json.data), INS_OK);
  free(again);
  ins_text_free(&json);
  ins_job_destroy(&copy);
  ins_job_destroy(&job);
}

static void inputs_are_listed_by_their_keys(void **state) {
  (void)state;
  ins_value *inputs;
  ins_text json = {0};
  ins_job *job = good(SEVERAL, NULL);
  assert_int_equal(ins_job_inputs(job, &inputs), INS_OK);
  ins_value_json(inputs, 9, &json);
  assert_string_equal(json.data, "{\"stimuli.0.file\":\"a.npy\",\"stimuli.1.parts.1.file\":"
                                 "\"b.h5:x\",\"reference\":\"c.npy\"}");
  ins_text_free(&json);
  ins_value_destroy(&inputs);
  ins_job_destroy(&job);
  job = good(SPOT, NULL);
  assert_int_equal(ins_job_inputs(job, &inputs), INS_OK);
  assert_int_equal(ins_value_count(inputs), 0);
  ins_value_destroy(&inputs);
  ins_job_destroy(&job);
}

static void every_value_survives_the_way_between_ranks(void **state) {
  (void)state;
  ins_job *job = good(SEVERAL, OVERRIDES("noise=1,2")), *copy;
  ins_text packed = {0};
  ins_value *settings;
  assert_int_equal(ins_job_pack(job, &packed), INS_OK);
  assert_int_equal(ins_job_unpack(packed.data, packed.length, tuning_experiments, &copy), INS_OK);
  assert_string_equal(copy->hash, job->hash);
  assert_int_equal(ins_job_at(copy, (size_t[]){1}, &settings), INS_OK);
  assert_json(settings, "stimuli.1.parts.0.direction_deg", "[0.0,90.0,180.0,270.0]");
  assert_json(settings, "noise", "2.0");
  ins_value_destroy(&settings);
  ins_text_free(&packed);
  ins_job_destroy(&copy);
  ins_job_destroy(&job);
}

/* Values set the shape of the results: another list is another job, however much it shares. */
static void other_values_are_another_job(void **state) {
  (void)state;
  static const struct {
    const char *override;
    ins_status status;
  } changes[] = {
      {"stimuli.0.direction_deg=range(0,360,90)", INS_OK},
      {"stimuli.0.direction_deg=[0, 90, 180, 270]", INS_OK},
      {"stimuli.0.contrast=1", INS_OK},
      {"stimuli.0.direction_deg=range(0,361,90)", INS_ERR_ARGUMENT},
      {"stimuli.0.direction_deg=0,90,180", INS_ERR_ARGUMENT},
      {"stimuli.0.direction_deg=0,90,180,271", INS_ERR_ARGUMENT},
      {"stimuli.0.x_um=3", INS_ERR_ARGUMENT},
  };
  ins_job *old = good(BAR, NULL), *new;
  ins_text json = {0};
  assert_int_equal(ins_job_json(old, &json), INS_OK);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    new = good(BAR, OVERRIDES(changes[i].override));
    if (ins_job_continues(new, json.data) != changes[i].status)
      fail_msg("%s: %s", changes[i].override, ins_message());
    ins_job_destroy(&new);
  }
  new = good(BAR, OVERRIDES("stimuli.0.direction_deg=0,90,180,271"));
  assert_int_equal(ins_job_continues(new, json.data), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "stimuli.0.direction_deg.3 is 271, but the results there "
                                        "were made with 270"));
  ins_text_free(&json);
  ins_job_destroy(&new);
  ins_job_destroy(&old);
}

static const ins_variant endless[2];
static const ins_key endless_keys[] = {
    {.name = "parts", .type = INS_KEY_CHOICES, .fallback = "[sequence]", .variants = endless}, {0}};
static const ins_variant endless[2] = {{"sequence", "", endless_keys, NULL}, {0}};
static const ins_variant endless_experiments[] = {{"tuning", "", endless_keys, NULL}, {0}};

/* A mistake in a table is ours: a default that nests without end is told, not followed. */
static void a_default_without_end_is_a_defect(void **state) {
  (void)state;
  char path[] = "job_XXXXXX";
  ins_job *job;
  int file = mkstemp(path);
  assert_int_equal(write(file, HEAD, strlen(HEAD)), (ssize_t)strlen(HEAD));
  close(file);
  assert_int_equal(ins_job_load(path, NULL, 0, endless_experiments, &job), INS_ERR_INTERNAL);
  assert_non_null(strstr(ins_message(), "nested too deep"));
  unlink(path);
}

static void damaged_jobs_never_crash(void **state) {
  (void)state;
  static const char whole[] = SEVERAL "sweep: {noise: [1, 2]}\n";
  static const char *const pieces[] = {"range(",
                                       "linspace(0,1,3)",
                                       "geomspace(1,9,3)",
                                       ")",
                                       ",",
                                       "[",
                                       "]",
                                       "{",
                                       "}",
                                       "2 * sigma_um",
                                       "null",
                                       "-0.0",
                                       ".nan",
                                       "1e308",
                                       "parts: ",
                                       "kind: ",
                                       "sequence",
                                       "\n- ",
                                       "\n  ",
                                       "'",
                                       "linspace(0",
                                       "contrast: ",
                                       "file: "};
  uint32_t seed = 11;
  size_t good_jobs = 0;
  for (int round = 0; round < 4000; round++) {
    char copy[sizeof whole + 128];
    ins_job *job;
    seed = seed * 1664525u + 1013904223u;
    const char *piece = pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)];
    seed = seed * 1664525u + 1013904223u;
    size_t at = (seed >> 8) % (sizeof whole - 1), cut = round % 3 ? (size_t)(seed >> 28) : 0;
    if (at + cut > sizeof whole - 1) cut = 0;
    snprintf(copy, sizeof copy, "%.*s%s%s", (int)at, whole, piece, whole + at + cut);
    ins_message_clear();
    ins_status status = load(copy, NULL, &job);
    assert_true(status == INS_OK || (status == INS_ERR_ARGUMENT && ins_message()[0] && !job));
    if (status == INS_OK) {
      ins_text json = {0};
      assert_int_equal(ins_job_json(job, &json), INS_OK);
      assert_int_equal(ins_job_continues(job, json.data), INS_OK);
      ins_text_free(&json);
    }
    good_jobs += status == INS_OK;
    ins_job_destroy(&job);
  }
  assert_true(good_jobs > 0 && good_jobs < 4000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_value_or_several_become_a_list),
      cmocka_unit_test(null_stays_null),
      cmocka_unit_test(series_become_their_values),
      cmocka_unit_test(equal_distances_are_exact_decimals),
      cmocka_unit_test(overrides_list_and_do_not_sweep),
      cmocka_unit_test(all_series_sweep_keys_of_one_value),
      cmocka_unit_test(references_stay_text),
      cmocka_unit_test(a_reference_is_a_factor_and_a_name),
      cmocka_unit_test(each_refusal_names_place_and_limit),
      cmocka_unit_test(kinds_nest_within_bounds),
      cmocka_unit_test(records_hold_lists_and_no_paths),
      cmocka_unit_test(inputs_are_listed_by_their_keys),
      cmocka_unit_test(every_value_survives_the_way_between_ranks),
      cmocka_unit_test(other_values_are_another_job),
      cmocka_unit_test(a_default_without_end_is_a_defect),
      cmocka_unit_test(damaged_jobs_never_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
