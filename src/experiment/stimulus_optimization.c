/* SPDX-License-Identifier: MIT */
/* Experiment `stimulus_optimization`: the stimulus that drives a neuron most, from many starts.
 *
 * Tasks: neuron x seed x swept settings. The initial stimulus is drawn from (job seed, neuron,
 * seed): swept settings do not enter, so that learning rates are compared from equal starts. */
#include <math.h>
#include <string.h>

#include "insilico/array_file.h"
#include "insilico/clock.h"
#include "insilico/memory.h"
#include "insilico/optimise.h"
#include "kinds.h"
#include "insilico/selection.h"

enum { NEURON_AXIS, SEED_AXIS, FIRST_SWEEP_AXIS };

/** Numbers of the variables in the layout. */
typedef struct variables {
  int best, last, objective_trace, loss_trace, objective, objective_last, n_iterations,
      iteration_best, outcome;
  int objective_mean, objective_sd, objective_max, best_seed, similarity;
} variables;

typedef struct search {
  const ins_experiment_context *context;
  ins_layout *layout; /* borrowed: the framework destroys it after the state */
  ins_selection selection;
  int64_t *seeds;
  size_t n_seeds;
  ins_shape shape;
  size_t n_output, limit;
  bool compat;
  float *start; /* [C,T,H,W] from a file, or NULL: drawn */
  variables v;
  /* What the current values of the swept settings need; made anew when these change. */
  size_t sweep[INS_MAX_TASK_AXES];
  ins_value *settings;
  ins_optimisation *optimisation;
  ins_plan *plan;
  size_t plan_first, plan_n;
} search;

/* ---- keys ------------------------------------------------------------------------------------ */

static const ins_key stimulus_keys[] = {
    {.name = "frames",
     .type = INS_KEY_INT,
     .fallback = "50",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 1000000,
     .units = "frames",
     .doc = "length of the stimulus"},
    {.name = "init",
     .type = INS_KEY_GROUP,
     .children = ins_initial_keys,
     .doc = "where the search starts"},
    {0},
};

const ins_key ins_stimulus_optimization_keys[] = {
    {.name = "seeds",
     .type = INS_KEY_RANGE,
     .fallback = "\"0:1\"",
     .flags = INS_KEY_AXIS,
     .doc = "one search a seed: each draws its own initial stimulus"},
    {.name = "stimulus",
     .type = INS_KEY_GROUP,
     .children = stimulus_keys,
     .doc = "the stimulus to optimise"},
    INS_OPTIMISATION_KEYS,
    {0},
};

/* ---- set-up ---------------------------------------------------------------------------------- */

static ins_status read_start(search *s, const char *path) {
  ins_value *read = NULL;
  ins_status status = ins_array_read(path, &read);
  if (status != INS_OK) return status;
  const ins_array *a = &read->array;
  size_t skip = a->n_dims == 5 && a->shape[0] == 1 ? 1 : 0; /* [1,C,T,H,W] as torch writes it */
  const size_t *shape = a->shape + skip;
  if (a->n_dims - (int)skip != 4 || shape[0] != s->shape.n_channels ||
      shape[1] != s->shape.n_frames || shape[2] != s->shape.height || shape[3] != s->shape.width)
    status =
        ins_fail(INS_ERR_SHAPE,
                 "%s: an initial stimulus of this job has shape [C=%zu, T=%zu, H=%zu, W=%zu]; the "
                 "file holds another (check stimulus.frames and the model)",
                 path, s->shape.n_channels, s->shape.n_frames, s->shape.height, s->shape.width);
  if (status == INS_OK) status = ins_alloc(ins_shape_count(&s->shape), sizeof *s->start, &s->start);
  if (status == INS_OK) ins_array_to_f32(a, s->start);
  ins_value_destroy(&read);
  return status;
}

static ins_status resolve(search *s) {
  const ins_value *settings = s->context->job->settings;
  const ins_model_info *info = ins_model_describe(s->context->model);
  s->shape = (ins_shape){info->n_channels,
                         (size_t)ins_value_int_or(ins_value_at(settings, "stimulus.frames"), 50),
                         info->height, info->width};
  s->compat = ins_value_bool_or(ins_map_get(settings, "compat"), false);
  s->limit = (size_t)ins_value_int_or(ins_value_at(settings, "stop.max_iterations"), 100);
  ins_status status = ins_selection_create(s->context, &s->selection);
  if (status == INS_OK)
    status =
        ins_range_parse(ins_map_get(settings, "seeds"), SIZE_MAX, "seeds", &s->seeds, &s->n_seeds);
  if (status == INS_OK)
    status = ins_within(ins_model_output_frames(s->context->model, s->shape.n_frames, &s->n_output),
                        "stimulus.frames");
  const char *file = ins_value_text_or(ins_value_at(settings, "stimulus.init.file"), NULL);
  if (status == INS_OK && file && s->n_seeds > 1)
    status = ins_fail(INS_ERR_ARGUMENT,
                      "with stimulus.init.file every seed would be the same search; give one seed");
  if (status == INS_OK && file) status = read_start(s, file);
  return status;
}

static void forget_current(search *s) {
  ins_value_destroy(&s->settings);
  ins_optimisation_destroy(&s->optimisation);
}

static ins_status plan_for(search *s, size_t first, size_t n) {
  if (s->plan && s->plan_first == first && s->plan_n == n) return INS_OK;
  ins_plan_destroy(&s->plan);
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = s->shape.n_frames,
                        .height = s->shape.height,
                        .width = s->shape.width,
                        .first_frame = first,
                        .n_read = n,
                        .n_neurons = 1,
                        .gradient = true,
                        .kernels = s->context->kernels};
  s->plan_first = first;
  s->plan_n = n;
  return ins_plan_create(s->context->model, &spec, &s->plan);
}

/* Makes `optimisation` and `plan` those of the given values of the swept settings. */
static ins_status switch_to(search *s, const size_t *sweep) {
  size_t n_sweeps = s->context->job->n_sweeps, first, n;
  if (s->optimisation && s->plan && memcmp(s->sweep, sweep, n_sweeps * sizeof *sweep) == 0)
    return INS_OK;
  forget_current(s);
  memcpy(s->sweep, sweep, n_sweeps * sizeof *sweep);
  ins_status status = ins_job_at(s->context->job, sweep, &s->settings);
  if (status == INS_OK)
    status = ins_optimisation_create(s->settings, &s->shape, s->n_output, 1, s->compat,
                                     &s->optimisation);
  if (status != INS_OK) return status;
  ins_optimisation_window(s->optimisation, &first, &n);
  return plan_for(s, first, n);
}

/* Every combination of swept values must make sense before anything is written. */
static ins_status check_sweeps(search *s) {
  const ins_job *job = s->context->job;
  size_t index[INS_MAX_TASK_AXES] = {0}, d;
  if (job->n_sweeps > INS_MAX_TASK_AXES - FIRST_SWEEP_AXIS)
    return ins_fail(INS_ERR_ARGUMENT, "%zu keys are swept; at most %d can be", job->n_sweeps,
                    INS_MAX_TASK_AXES - FIRST_SWEEP_AXIS);
  do {
    ins_status status = switch_to(s, index);
    if (status != INS_OK) return status;
    for (d = 0; d < job->n_sweeps; d++) {
      if (++index[d] < ins_value_count(job->sweeps[d].values)) break;
      index[d] = 0;
    }
  } while (d < job->n_sweeps);
  return INS_OK;
}

static ins_status declare_axes(search *s, ins_layout *layout) {
  ins_value *seeds;
  ins_status status = ins_selection_task_axis(&s->selection, layout);
  if (status == INS_OK) status = ins_coordinates_int(s->seeds, s->n_seeds, &seeds);
  if (status == INS_OK)
    status = ins_layout_task_axis(layout, "seed", s->n_seeds, seeds, NULL,
                                  "seed of the initial stimulus");
  if (status == INS_OK) status = ins_sweep_axes(s->context->job, layout);
  return status;
}

static ins_status add(ins_layout *layout, ins_scope scope, const char *name, ins_dtype dtype,
                      const char *long_name, const char *units, const char *source, int n_axes,
                      const int *axes, int *index) {
  ins_variable variable = {.name = name,
                           .long_name = long_name,
                           .units = units,
                           .source = source,
                           .scope = scope,
                           .dtype = dtype,
                           .n_axes = n_axes};
  for (int d = 0; d < n_axes; d++) variable.axes[d] = axes[d];
  if (dtype == INS_I8) variable.flags = INS_OUTCOME_FLAGS;
  return ins_layout_variable(layout, &variable, index);
}

static ins_status declare_results(search *s, ins_layout *layout) {
  int axes[4], iteration;
  variables *v = &s->v;
  ins_status status = ins_stimulus_axes(s->context, &s->shape, layout, axes);
  if (status == INS_OK)
    status = ins_layout_axis(layout, "iteration", s->limit, NULL, NULL, "iteration", &iteration);
  if (status == INS_OK)
    status = add(layout, INS_PER_TASK, "objective", INS_F32, "objective at the best stimulus", "1",
                 NULL, 0, NULL, &v->objective);
  if (status == INS_OK)
    status = add(layout, INS_PER_TASK, "objective_last", INS_F32, "objective at the last stimulus",
                 "1", NULL, 0, NULL, &v->objective_last);
  if (status == INS_OK)
    status = add(layout, INS_PER_TASK, "n_iterations", INS_I32, "iterations made", "1", NULL, 0,
                 NULL, &v->n_iterations);
  if (status == INS_OK)
    status = add(layout, INS_PER_TASK, "iteration_best", INS_I32,
                 "iteration after which the best stimulus was reached", "1", NULL, 0, NULL,
                 &v->iteration_best);
  if (status == INS_OK)
    status = add(layout, INS_PER_TASK, "outcome", INS_I8, "why the search ended", NULL, NULL, 0,
                 NULL, &v->outcome);
  if (status == INS_OK)
    status = add(layout, INS_PER_TASK, "objective_trace", INS_F32,
                 "objective before each step; NaN after the end", "1", NULL, 1, &iteration,
                 &v->objective_trace);
  if (status == INS_OK)
    status =
        add(layout, INS_PER_TASK, "loss_trace", INS_F32, "loss before each step; NaN after the end",
            "1", "loss = -objective + penalties", 1, &iteration, &v->loss_trace);
  if (status == INS_OK)
    status = add(layout, INS_PER_TASK, "best_stimulus", INS_F32,
                 "postprocessed stimulus of least loss", "contrast", NULL, 4, axes, &v->best);
  if (status == INS_OK)
    status = add(layout, INS_PER_TASK, "last_stimulus", INS_F32, "stimulus after the last step",
                 "contrast", NULL, 4, axes, &v->last);
  return status;
}

static ins_status declare_summaries(search *s, ins_layout *layout) {
  variables *v = &s->v;
  layout->reduced = SEED_AXIS;
  layout->variables[v->objective].summed = layout->variables[v->best].summed = true;
  ins_status status =
      add(layout, INS_SUMMARY, "objective_mean", INS_F64, "mean over seeds of the best objective",
          "1", "sum_s objective / n", 0, NULL, &v->objective_mean);
  if (status == INS_OK)
    status = add(layout, INS_SUMMARY, "objective_sd", INS_F64,
                 "standard deviation over seeds of the best objective", "1",
                 "sqrt(sum_s (objective - mean)^2 / (n - 1)); NaN for one seed", 0, NULL,
                 &v->objective_sd);
  if (status == INS_OK)
    status = add(layout, INS_SUMMARY, "objective_max", INS_F64, "best objective over seeds", "1",
                 NULL, 0, NULL, &v->objective_max);
  if (status == INS_OK)
    status = add(layout, INS_SUMMARY, "best_seed", INS_I64, "seed of the best objective", NULL,
                 NULL, 0, NULL, &v->best_seed);
  if (status == INS_OK)
    status = add(layout, INS_SUMMARY, "stimulus_similarity", INS_F64,
                 "mean correlation between the best stimuli of pairs of seeds", "1",
                 "mean over pairs of Pearson's r of the stimuli as vectors; NaN for one seed", 0,
                 NULL, &v->similarity);
  return status;
}

/* Rows of about half a megabyte are written at a good rate; more tasks than 8 make coarse deals. */
static size_t batch_size(const search *s) {
  size_t row = 2 * ins_shape_count(&s->shape) * sizeof(float), n = ((size_t)1 << 19) / row;
  return n < 1 ? 1 : n > 8 ? 8 : n;
}

static void teardown(void **state) {
  search *s = *state;
  if (!s) return;
  forget_current(s);
  ins_plan_destroy(&s->plan);
  ins_selection_clear(&s->selection);
  ins_free(&s->seeds);
  ins_free(&s->start);
  ins_free(state);
}

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  search *s = NULL;
  ins_layout *layout = NULL;
  *state = NULL;
  *stages = (ins_stages){0};
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  s->context = context;
  status = resolve(s);
  if (status == INS_OK) status = check_sweeps(s);
  if (status == INS_OK) status = ins_layout_create("Optimised stimuli of model neurons", &layout);
  if (status == INS_OK) status = declare_axes(s, layout);
  if (status == INS_OK)
    status = ins_selection_describe(context, &s->selection, layout, NEURON_AXIS);
  if (status == INS_OK) status = declare_results(s, layout);
  if (status == INS_OK) status = declare_summaries(s, layout);
  if (status == INS_OK) {
    layout->batch = batch_size(s);
    s->layout = layout;
    *stages = (ins_stages){.n = 1, .layout = {layout}};
    *state = s;
    return INS_OK;
  }
  ins_layout_destroy(&layout);
  void *gone = s;
  teardown(&gone);
  return status;
}

/* ---- computing ------------------------------------------------------------------------------- */

static void start_stimulus(const search *s, int64_t neuron, int64_t seed, float *x) {
  const ins_value *settings = s->context->job->settings;
  const int64_t coordinates[] = {neuron, seed};
  if (s->start) {
    memcpy(x, s->start, ins_shape_count(&s->shape) * sizeof *x);
    return;
  }
  ins_stream stream = ins_stream_at((uint64_t)ins_value_int_or(ins_map_get(settings, "seed"), 0),
                                    "initial stimulus", coordinates, 2);
  ins_stimulus_draw(ins_value_at(s->settings, "stimulus.init"), &stream, &s->shape, x);
}

static ins_status compute_task(search *s, const ins_batch *batch, size_t k,
                               const ins_pulse *pulse) {
  size_t index[INS_MAX_TASK_AXES], n = ins_shape_count(&s->shape);
  const variables *v = &s->v;
  ins_layout_coordinates(s->layout, batch->task[k], index);
  int64_t neuron = s->selection.neurons[index[NEURON_AXIS]];
  float *x = (float *)batch->rows[v->last] + k * n;
  ins_optimised result = {
      .best = (float *)batch->rows[v->best] + k * n,
      .objective_trace = (float *)batch->rows[v->objective_trace] + k * s->limit,
      .loss_trace = (float *)batch->rows[v->loss_trace] + k * s->limit,
  };
  ins_status status = switch_to(s, index + FIRST_SWEEP_AXIS);
  if (status == INS_OK) status = ins_plan_select(s->plan, 0, &neuron, 1);
  if (status != INS_OK) return status;
  start_stimulus(s, neuron, s->seeds[index[SEED_AXIS]], x);
  bool first = ins_value_bool_or(ins_value_at(s->settings, "stimulus.init.postprocess"), false);
  status = ins_optimise(s->optimisation, s->plan, first, x, &result, pulse);
  if (status != INS_OK) return status;
  batch->merit[k] = result.objective_best;
  ((float *)batch->rows[v->objective])[k] = (float)result.objective_best;
  ((float *)batch->rows[v->objective_last])[k] = (float)result.objective_last;
  ((int32_t *)batch->rows[v->n_iterations])[k] = (int32_t)result.n_iterations;
  ((int32_t *)batch->rows[v->iteration_best])[k] = (int32_t)result.iteration_best;
  ((int8_t *)batch->rows[v->outcome])[k] = (int8_t)result.outcome;
  return INS_OK;
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  for (size_t k = 0; k < batch->n; k++) {
    ins_status status = compute_task(state, batch, k, pulse);
    if (status == INS_ERR_STOPPED || status == INS_ERR_MEMORY) return status;
    batch->status[k] = status;
    if (status != INS_OK) strcpy(batch->message[k], ins_message());
  }
  return INS_OK;
}

/* ---- summing up over seeds ------------------------------------------------------------------- */

static double correlation(const float *a, const float *b, size_t n) {
  double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
  for (size_t i = 0; i < n; i++) {
    sa += (double)a[i];
    sb += (double)b[i];
  }
  sa /= (double)n;
  sb /= (double)n;
  for (size_t i = 0; i < n; i++) {
    double da = (double)a[i] - sa, db = (double)b[i] - sb;
    saa += da * da;
    sbb += db * db;
    sab += da * db;
  }
  return sab / sqrt(saa * sbb);
}

/* A seed counts when it finished and its search stayed finite. */
static bool counts(const search *s, const ins_group *group, size_t i) {
  return group->done[i] && isfinite(((const float *)group->rows[s->v.objective])[i]);
}

static double similarity(const search *s, const ins_group *group) {
  const float *best = group->rows[s->v.best];
  size_t n = ins_shape_count(&s->shape), pairs = 0;
  double sum = 0;
  for (size_t i = 0; i < group->n; i++)
    for (size_t j = i + 1; j < group->n; j++)
      if (counts(s, group, i) && counts(s, group, j)) {
        sum += correlation(best + i * n, best + j * n, n);
        pairs++;
      }
  return pairs ? sum / (double)pairs : (double)NAN;
}

static ins_status finish(void *state, const ins_group *group) {
  search *s = state;
  const float *objective = group->rows[s->v.objective];
  double mean = 0, squares = 0, max = (double)NAN;
  int64_t best_seed = -1;
  size_t n = 0;
  for (size_t i = 0; i < group->n; i++) {
    if (!counts(s, group, i)) continue;
    mean += (double)objective[i];
    n++;
    if (best_seed < 0 || (double)objective[i] > max) {
      max = (double)objective[i];
      best_seed = s->seeds[i];
    }
  }
  mean /= (double)n;
  for (size_t i = 0; i < group->n; i++)
    if (counts(s, group, i))
      squares += ((double)objective[i] - mean) * ((double)objective[i] - mean);
  *(double *)group->summary[s->v.objective_mean] = n ? mean : (double)NAN;
  *(double *)group->summary[s->v.objective_sd] =
      n > 1 ? sqrt(squares / (double)(n - 1)) : (double)NAN;
  *(double *)group->summary[s->v.objective_max] = max;
  *(int64_t *)group->summary[s->v.best_seed] = best_seed;
  *(double *)group->summary[s->v.similarity] = similarity(s, group);
  return INS_OK;
}

/* ---- cost ------------------------------------------------------------------------------------ */

enum { COST_ITERATIONS = 3 };

/** Lets a few iterations pass and then stops the search: how a little of a task is measured. */
typedef struct countdown {
  int left;
  double start, end;
  double whole; /* seconds of all that was run, for searches too short to be measured better */
} countdown;

/* The clock starts after the first iteration, which also warms the caches. */
static bool count_down(void *context) {
  countdown *c = context;
  *(c->left == COST_ITERATIONS ? &c->start : &c->end) = ins_clock_s();
  return c->left-- > 0;
}

/* The longest that a task can take: all its iterations at the measured rate. */
static double measured_seconds(const search *s, const countdown *c) {
  double span = c->end - c->start;
  int passed = COST_ITERATIONS - c->left - 1;
  return (passed > 0 ? span / passed : c->whole) * (double)(s->limit + 1);
}

static ins_status cost(void *state, size_t stage, double *bytes, double *seconds) {
  (void)stage; /* there is one */
  search *s = state;
  size_t index[INS_MAX_TASK_AXES] = {0}, n = ins_shape_count(&s->shape);
  float *x = NULL, *best = NULL, *traces = NULL;
  countdown c = {.left = COST_ITERATIONS};
  ins_pulse pulse = {count_down, &c};
  ins_status status = switch_to(s, index);
  if (status == INS_OK) status = ins_plan_select(s->plan, 0, s->selection.neurons, 1);
  if (status == INS_OK) status = ins_alloc(n, sizeof *x, &x);
  if (status == INS_OK) status = ins_alloc(n, sizeof *best, &best);
  if (status == INS_OK) status = ins_alloc(2 * s->limit, sizeof *traces, &traces);
  if (status != INS_OK) goto done;
  ins_optimised result = {.best = best, .objective_trace = traces, .loss_trace = traces + s->limit};
  start_stimulus(s, s->selection.neurons[0], s->seeds[0], x);
  c.whole = -ins_clock_s();
  status = ins_optimise(s->optimisation, s->plan, false, x, &result, &pulse);
  c.whole += ins_clock_s();
  if (status == INS_ERR_STOPPED) status = INS_OK;
  *seconds = measured_seconds(s, &c);
  *bytes = (double)ins_plan_bytes(s->plan) +
           (double)(s->layout->batch * 2 + 6 + s->n_seeds) * (double)n * sizeof(float);
done:
  ins_free(&x);
  ins_free(&best);
  ins_free(&traces);
  return status;
}

const ins_experiment ins_stimulus_optimization = {.merit = "objective",
                                                  .setup = setup,
                                                  .compute = compute,
                                                  .finish = finish,
                                                  .teardown = teardown,
                                                  .cost = cost};
