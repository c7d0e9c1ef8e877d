/* SPDX-License-Identifier: MIT */
/* `insilico verify MODEL PEER.h5`: our responses against those that openretina wrote into
 * PEER.h5 (docs/openretina_responses.py), session by session. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "insilico/array_file.h"
#include "insilico/kernels.h"
#include "insilico/memory.h"
#include "insilico/plan.h"
#include "insilico/yaml.h"

/* Relative to the largest response of a session: what float32 arithmetic in another order leaves.
 */
static const double TOLERANCE = 1e-5;

typedef struct agreement {
  const ins_session *session;
  size_t n_frames;
  double worst;         /* largest difference, relative to the largest response */
  double correlation;   /* Pearson, over frames and neurons */
  bool departs;         /* worst is beyond TOLERANCE or not a number */
  size_t frame, neuron; /* where it first departs; neuron counted in the session */
  double ours, peers;   /* there */
} agreement;

typedef struct verification {
  const ins_model *model;
  const char *file; /* PEER.h5 */
  const ins_model_info *info;
  ins_value *stimulus; /* float32 [C,T,H,W] */
  size_t n_output;
  float *responses; /* ours, [T',N] */
  agreement *sessions;
} verification;

/* ---- reading -------------------------------------------------------------------------------- */

static ins_status read_dataset(const char *file, const char *dataset, ins_value **out) {
  char *path = ins_format("%s:%s", file, dataset);
  if (!path) return INS_ERR_MEMORY;
  ins_status status = ins_array_read(path, out);
  free(path);
  return status;
}

static ins_status read_stimulus(verification *v) {
  const ins_model_info *info = v->info;
  ins_value *read = NULL;
  ins_status status = read_dataset(v->file, "stimulus", &read);
  if (status == INS_ERR_MISSING)
    return ins_fail(status,
                    "%s: holds no dataset 'stimulus'; docs/openretina_responses.py writes the "
                    "files that verify reads",
                    v->file);
  if (status != INS_OK) return status;
  const ins_array *a = &read->array;
  if (a->n_dims != 4 || a->shape[0] != info->n_channels || a->shape[2] != info->height ||
      a->shape[3] != info->width) {
    status = ins_fail(INS_ERR_SHAPE,
                      "%s: its stimulus has other axes than the model's [C=%zu, T, H=%zu, W=%zu]",
                      v->file, info->n_channels, info->height, info->width);
  } else {
    v->stimulus = ins_value_array(INS_F32, 4, a->shape);
    if (v->stimulus)
      ins_array_to_f32(a, v->stimulus->array.data);
    else
      status = INS_ERR_MEMORY;
  }
  ins_value_destroy(&read);
  return status;
}

/* ---- computing ------------------------------------------------------------------------------ */

static ins_status select_all(ins_plan *plan, size_t n) {
  int64_t *neurons;
  ins_status status = ins_alloc(n, sizeof *neurons, &neurons);
  for (size_t i = 0; status == INS_OK && i < n; i++) neurons[i] = (int64_t)i;
  if (status == INS_OK) status = ins_plan_select(plan, 0, neurons, n);
  ins_free(&neurons);
  return status;
}

static ins_status respond(verification *v) {
  const size_t n_frames = v->stimulus->array.shape[1];
  ins_plan *plan = NULL;
  ins_status status = ins_model_output_frames(v->model, n_frames, &v->n_output);
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = n_frames,
                        .height = v->info->height,
                        .width = v->info->width,
                        .n_read = v->n_output,
                        .n_neurons = v->info->n_neurons};
  if (status == INS_OK) status = ins_plan_create(v->model, &spec, &plan);
  if (status == INS_OK) status = select_all(plan, v->info->n_neurons);
  if (status == INS_OK)
    status = ins_alloc(v->n_output * v->info->n_neurons, sizeof *v->responses, &v->responses);
  if (status == INS_OK) ins_plan_forward(plan, 0, v->stimulus->array.data, v->responses);
  ins_plan_destroy(&plan);
  return status;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static double correlation_of(const ins_array *peers, const verification *v,
                             const ins_session *session) {
  const size_t n = session->n_neurons, count = v->n_output * n;
  double mean[2] = {0}, product = 0, square[2] = {0};
  for (int pass = 0; pass < 2; pass++) {
    for (size_t k = 0; k < count; k++) {
      const double x = ins_array_get(peers, k);
      const double y = (double)v->responses[k / n * v->info->n_neurons + session->first + k % n];
      if (pass == 0) {
        mean[0] += x / (double)count;
        mean[1] += y / (double)count;
      } else {
        product += (x - mean[0]) * (y - mean[1]);
        square[0] += (x - mean[0]) * (x - mean[0]);
        square[1] += (y - mean[1]) * (y - mean[1]);
      }
    }
  }
  return product / sqrt(square[0] * square[1]);
}

/* |ours - theirs|: NaN when one is no number, 0 for the same infinity. */
static double deviation(double ours, double theirs) {
  return ours == theirs ? 0 : fabs(ours - theirs);
}

static void compare(const ins_array *peers, const verification *v, agreement *a) {
  const size_t n = a->session->n_neurons, count = v->n_output * n;
  double largest = 0, worst = 0;
  for (size_t k = 0; k < count; k++) {
    const double theirs = fabs(ins_array_get(peers, k));
    if (isfinite(theirs) && theirs > largest) largest = theirs;
  }
  for (size_t k = 0; k < count; k++) {
    const double theirs = ins_array_get(peers, k);
    const double ours =
        (double)v->responses[k / n * v->info->n_neurons + a->session->first + k % n];
    const double off = deviation(ours, theirs);
    if (!(off <= TOLERANCE * largest) && !a->departs) {
      a->departs = true;
      a->frame = k / n;
      a->neuron = k % n;
      a->ours = ours;
      a->peers = theirs;
    }
    if (isnan(off) || off > worst) worst = off;
    if (isnan(worst)) break;
  }
  a->worst = largest > 0 ? worst / largest : worst;
  a->correlation = correlation_of(peers, v, a->session);
  a->n_frames = v->n_output;
}

static ins_status compare_session(const verification *v, agreement *a) {
  ins_value *peers = NULL;
  char *dataset = ins_format("responses/%s", a->session->name);
  ins_status status = dataset ? read_dataset(v->file, dataset, &peers) : INS_ERR_MEMORY;
  free(dataset);
  if (status != INS_OK) return status;
  const ins_array *array = &peers->array;
  if (array->n_dims != 2 || array->shape[0] != v->n_output ||
      array->shape[1] != a->session->n_neurons)
    status = ins_fail(INS_ERR_DIFFERS,
                      "%s: session %s has %s[%zu,%zu] responses, but this model gives [%zu,%zu] "
                      "(frames, neurons)",
                      v->file, a->session->name, array->n_dims == 2 ? "" : "other than two axes ",
                      array->shape[0], array->n_dims > 1 ? array->shape[1] : 0, v->n_output,
                      a->session->n_neurons);
  else
    compare(array, v, a);
  ins_value_destroy(&peers);
  return status;
}

/* The departing number in double precision: tells rounding from another model. */
static ins_status in_double(const verification *v, const agreement *a, double *out) {
  const ins_array *stimulus = &v->stimulus->array;
  const int64_t neuron = (int64_t)(a->session->first + a->neuron);
  double *x, *r;
  ins_status status = ins_alloc(ins_array_count(stimulus), sizeof *x, &x);
  if (status != INS_OK) return status;
  status = ins_alloc(v->n_output, sizeof *r, &r);
  for (size_t i = 0; status == INS_OK && i < ins_array_count(stimulus); i++)
    x[i] = ins_array_get(stimulus, i);
  if (status == INS_OK)
    status = ins_reference_run(v->model, stimulus->shape[1], x, &neuron, 1, r, NULL, NULL);
  if (status == INS_OK) *out = r[a->frame];
  ins_free(&x);
  ins_free(&r);
  return status;
}

/* ---- telling -------------------------------------------------------------------------------- */

/* Deviations are relative to the largest response of the session. */
static ins_status print_people(const verification *v) {
  printf("%-32s %8s %8s  %-12s %s\n", "session", "neurons", "frames", "deviation",
         "1 - correlation");
  for (size_t s = 0; s < v->info->n_sessions; s++) {
    const agreement *a = &v->sessions[s];
    printf("%-32s %8zu %8zu  %-12.1e %.1e%s\n", a->session->name, a->session->n_neurons,
           a->n_frames, a->worst, a->correlation > 1 ? 0 : 1 - a->correlation,
           a->departs ? "   DIFFERS" : "");
  }
  double largest = 0;
  size_t n_agree = 0;
  for (size_t s = 0; s < v->info->n_sessions; s++) {
    const agreement *a = &v->sessions[s];
    double truth;
    largest = fmax(largest, a->worst);
    n_agree += !a->departs;
    if (!a->departs) continue;
    ins_status status = in_double(v, a, &truth);
    if (status != INS_OK) return status;
    printf("%s departs first at output frame %zu, neuron %zu: %.9g here, %.9g in %s; "
           "%.9g in double precision\n",
           a->session->name, a->frame, a->neuron, a->ours, a->peers, v->file, truth);
  }
  if (n_agree == v->info->n_sessions)
    printf("agrees: at most %.1e of a session's largest response off; the bound is %.0e\n", largest,
           TOLERANCE);
  return INS_OK;
}

static ins_status session_value(const agreement *a, ins_value *list) {
  ins_value *map = ins_value_map();
  ins_status status = map ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(map, "session", ins_value_text(a->session->name));
  if (status == INS_OK)
    status = ins_map_take(map, "neurons", ins_value_int((int64_t)a->session->n_neurons));
  if (status == INS_OK) status = ins_map_take(map, "frames", ins_value_int((int64_t)a->n_frames));
  if (status == INS_OK) status = ins_map_take(map, "deviation", ins_value_real(a->worst));
  if (status == INS_OK) status = ins_map_take(map, "correlation", ins_value_real(a->correlation));
  if (status == INS_OK) status = ins_map_take(map, "agrees", ins_value_bool(!a->departs));
  if (status == INS_OK && a->departs)
    status = ins_map_take(map, "first_frame", ins_value_int((int64_t)a->frame));
  if (status == INS_OK && a->departs)
    status = ins_map_take(map, "first_neuron", ins_value_int((int64_t)a->neuron));
  if (status == INS_OK) return ins_list_take(list, map);
  ins_value_destroy(&map);
  return status;
}

static ins_status as_value(const verification *v, const char *hash, ins_value **out) {
  const char *slash = strrchr(v->file, '/');
  ins_value *map = *out = ins_value_map(), *sessions = ins_value_list();
  ins_status status = map && sessions ? INS_OK : INS_ERR_MEMORY;
  for (size_t s = 0; s < v->info->n_sessions && status == INS_OK; s++)
    status = session_value(&v->sessions[s], sessions);
  if (status == INS_OK) status = ins_map_take(map, "model_sha256", ins_value_text(hash));
  if (status == INS_OK)
    status = ins_map_take(map, "against", ins_value_text(slash ? slash + 1 : v->file));
  if (status == INS_OK)
    status = ins_map_take(map, "kernels", ins_value_text(ins_kernels_name(ins_kernels_best())));
  if (status == INS_OK) status = ins_map_take(map, "tolerance", ins_value_real(TOLERANCE));
  if (status == INS_OK) status = ins_map_take(map, "sessions", sessions);
  return status;
}

/* ---- what is remembered --------------------------------------------------------------------- */

static char *record_path(const char *path) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  return ins_format("%.*s.verified.json", (int)n, path);
}

/* By way of a new file and a rename, so that a link in its place leads nowhere. A model in a place
 * that cannot be written to is verified all the same. */
static void remember(const char *path, const ins_value *record) {
  char *name = record_path(path), *part = name ? ins_format("%s.XXXXXX", name) : NULL;
  ins_text json = {0};
  ins_value_json(record, 0, &json);
  ins_text_add(&json, "\n");
  int fd = part && ins_text_ok(&json) == INS_OK ? mkstemp(part) : -1;
  if (fd >= 0) {
    bool written =
        fchmod(fd, 0644) == 0 && write(fd, json.data, json.length) == (ssize_t)json.length;
    if (close(fd) != 0 || !written || rename(part, name) != 0) unlink(part);
  }
  ins_text_free(&json);
  free(part);
  free(name);
}

ins_value *ins_verified_read(const char *path, const char *model_sha256) {
  char *name = record_path(path);
  ins_value *record = NULL;
  if (name && ins_yaml_read(name, NULL, &record) != INS_OK) record = NULL; /* JSON is YAML */
  free(name);
  if (record && strcmp(ins_value_text_or(ins_map_get(record, "model_sha256"), ""), model_sha256))
    ins_value_destroy(&record);
  return record;
}

/* ---- the command ---------------------------------------------------------------------------- */

static ins_status verify(verification *v) {
  ins_status status = ins_alloc(v->info->n_sessions, sizeof *v->sessions, &v->sessions);
  if (status == INS_OK) status = read_stimulus(v);
  if (status == INS_OK) status = respond(v);
  for (size_t s = 0; s < v->info->n_sessions && status == INS_OK; s++) {
    v->sessions[s].session = &v->info->sessions[s];
    status = compare_session(v, &v->sessions[s]);
  }
  return status;
}

static ins_status tell(const verification *v, const char *path, const char *hash, bool json) {
  ins_value *record = NULL;
  size_t n_departing = 0;
  ins_status status = as_value(v, hash, &record);
  if (status == INS_OK && json) {
    ins_text text = {0};
    ins_value_json(record, 0, &text);
    if (text.data) printf("%s\n", text.data);
    ins_text_free(&text);
  } else if (status == INS_OK) {
    status = print_people(v);
  }
  if (status == INS_OK && strncmp(path, "builtin:", 8) != 0) remember(path, record);
  ins_value_destroy(&record);
  for (size_t s = 0; s < v->info->n_sessions; s++) n_departing += v->sessions[s].departs;
  if (status != INS_OK || n_departing == 0) return status;
  return ins_fail(INS_ERR_DIFFERS,
                  "%zu of %zu sessions differ by more than %g of the largest "
                  "response",
                  n_departing, v->info->n_sessions, TOLERANCE);
}

ins_status ins_command_verify(const ins_arguments *arguments) {
  verification v = {.file = arguments->words[1]};
  ins_model_source *source = NULL;
  ins_model *model = NULL;
  char *path = NULL, hash[65];
  ins_status status = ins_ready_named(arguments, arguments->words[0], &path, &source);
  if (status == INS_OK) status = ins_model_source_hash(source, hash);
  if (status == INS_OK) status = ins_model_create(source, &model);
  if (status == INS_OK) {
    v.model = model;
    v.info = ins_model_describe(model);
    status = verify(&v);
  }
  if (status == INS_OK) status = tell(&v, path, hash, arguments->json);
  ins_value_destroy(&v.stimulus);
  ins_free(&v.responses);
  ins_free(&v.sessions);
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
  free(path);
  return status;
}
