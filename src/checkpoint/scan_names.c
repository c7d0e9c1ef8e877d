/* SPDX-License-Identifier: MIT */
/* Three tables. A name is harmless only when a table says so, which takes the whole name or, for
 * modules that hold nothing but classes, a class directly in it: modules also show what they have
 * imported themselves (numpy.os). The table of dangerous names is for the message: what stands in
 * neither is unknown, and no safer. */
#include "scan_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const harmless[] = {
    "__builtin__.bool", "__builtin__.bytearray", "__builtin__.bytes", "__builtin__.complex",
    "__builtin__.dict", "__builtin__.float", "__builtin__.frozenset", "__builtin__.int",
    "__builtin__.list", "__builtin__.long", "__builtin__.object", "__builtin__.set",
    "__builtin__.slice", "__builtin__.str", "__builtin__.tuple", "__builtin__.unicode",
    "__builtin__.xrange", "__builtin__.range", "builtins.bool", "builtins.bytearray",
    "builtins.bytes", "builtins.complex", "builtins.dict", "builtins.float", "builtins.frozenset",
    "builtins.int", "builtins.list", "builtins.object", "builtins.range", "builtins.set",
    "builtins.slice", "builtins.str", "builtins.tuple", "_codecs.encode", "argparse.Namespace",
    "collections.Counter", "collections.OrderedDict", "collections.defaultdict",
    "collections.deque", "copy_reg._reconstructor", "copyreg._reconstructor", "datetime.date",
    "datetime.datetime", "datetime.time", "datetime.timedelta", "datetime.timezone",
    "decimal.Decimal", "fractions.Fraction", "functools.partial", "pathlib.Path",
    "pathlib.PosixPath", "pathlib.PurePath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath",
    "pathlib.WindowsPath", "pathlib._local.PosixPath", "pathlib._local.PurePosixPath",
    "pathlib._local.PureWindowsPath", "pathlib._local.WindowsPath", "types.SimpleNamespace",
    "uuid.UUID",
    /* numpy */
    "numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer", "numpy.bool", "numpy.bool_", "numpy.bytes_",
    "numpy.complex128", "numpy.complex64", "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar", "numpy.core.numeric._frombuffer", "numpy.datetime64",
    "numpy.dtype", "numpy.float16", "numpy.float32", "numpy.float64", "numpy.int16", "numpy.int32",
    "numpy.int64", "numpy.int8", "numpy.ndarray", "numpy.str_", "numpy.timedelta64", "numpy.uint16",
    "numpy.uint32", "numpy.uint64", "numpy.uint8", "numpy.void",
    /* torch */
    "torch.Generator", "torch.Size", "torch.Tensor", "torch._C._nn.elu", "torch._C._nn.gelu",
    "torch._C._nn.softplus", "torch._tensor._rebuild_from_type_v2",
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_qtensor", "torch._utils._rebuild_sparse_tensor",
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3", "torch.bfloat16", "torch.bool", "torch.complex128",
    "torch.complex32", "torch.complex64", "torch.contiguous_format", "torch.device", "torch.double",
    "torch.exp", "torch.float", "torch.float16", "torch.float32", "torch.float64",
    "torch.float8_e4m3fn", "torch.float8_e5m2", "torch.half", "torch.int16", "torch.int32",
    "torch.int64", "torch.int8", "torch.long", "torch.nn.functional.elu",
    "torch.nn.functional.gelu", "torch.nn.functional.leaky_relu", "torch.nn.functional.relu",
    "torch.nn.functional.selu", "torch.nn.functional.sigmoid", "torch.nn.functional.silu",
    "torch.nn.functional.softmax", "torch.nn.functional.softplus", "torch.nn.functional.tanh",
    "torch.nn.parameter.Buffer", "torch.nn.parameter.Parameter", "torch.nn.Parameter",
    "torch.preserve_format", "torch.qint32", "torch.qint8", "torch.quint8", "torch.relu",
    "torch.serialization._get_layout", "torch.sigmoid", "torch.storage.TypedStorage",
    "torch.storage.UntypedStorage", "torch.UntypedStorage", "torch.strided", "torch.tanh",
    "torch.uint16", "torch.uint32", "torch.uint64", "torch.uint8",
    /* lightning */
    "lightning.Trainer", "lightning.fabric.utilities.data.AttributeDict",
    "lightning.pytorch.Trainer", "lightning.pytorch.loggers.CSVLogger",
    "lightning.pytorch.loggers.TensorBoardLogger",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    /* openretina */
    "openretina.data_io.base_dataloader.multiple_movies_dataloaders"};

/* Modules whose classes (names that begin with a capital, nothing below them) only hold data or
 * compute: "a.b" and everything below it. */
static const char *const harmless_classes[] = {"lightning.pytorch.callbacks",
                                               "numpy.dtypes",
                                               "omegaconf.base",
                                               "omegaconf.dictconfig",
                                               "omegaconf.listconfig",
                                               "omegaconf.nodes",
                                               "openretina.data_io.base",
                                               "openretina.data_io.base_dataloader",
                                               "openretina.models.core_readout",
                                               "openretina.models.linear_nonlinear",
                                               "openretina.models.sparse_autoencoder",
                                               "openretina.models.spatial_contrast",
                                               "openretina.modules",
                                               "pytorch_lightning.callbacks",
                                               "torch.nn.modules",
                                               "torch.optim",
                                               "typing"};

/* A module with all that is in it, or one name. */
static const char *const dangerous[] = {"__builtin__.__import__",
                                        "__builtin__.apply",
                                        "__builtin__.compile",
                                        "__builtin__.delattr",
                                        "__builtin__.eval",
                                        "__builtin__.exec",
                                        "__builtin__.execfile",
                                        "__builtin__.file",
                                        "__builtin__.getattr",
                                        "__builtin__.globals",
                                        "__builtin__.input",
                                        "__builtin__.locals",
                                        "__builtin__.open",
                                        "__builtin__.raw_input",
                                        "__builtin__.reload",
                                        "__builtin__.setattr",
                                        "__builtin__.vars",
                                        "_io",
                                        "_pickle",
                                        "_posixsubprocess",
                                        "_socket",
                                        "_thread",
                                        "_winapi",
                                        "aiohttp",
                                        "asyncio",
                                        "bdb",
                                        "builtins.__import__",
                                        "builtins.breakpoint",
                                        "builtins.compile",
                                        "builtins.delattr",
                                        "builtins.eval",
                                        "builtins.exec",
                                        "builtins.getattr",
                                        "builtins.globals",
                                        "builtins.input",
                                        "builtins.locals",
                                        "builtins.open",
                                        "builtins.setattr",
                                        "builtins.vars",
                                        "cPickle",
                                        "cProfile",
                                        "cffi",
                                        "cloudpickle",
                                        "code",
                                        "codecs.open",
                                        "codeop",
                                        "commands",
                                        "concurrent",
                                        "ctypes",
                                        "dill",
                                        "distutils",
                                        "doctest",
                                        "ensurepip",
                                        "fileinput",
                                        "ftplib",
                                        "gc",
                                        "http",
                                        "httplib",
                                        "huggingface_hub",
                                        "hydra",
                                        "idlelib",
                                        "imaplib",
                                        "imp",
                                        "importlib",
                                        "inspect",
                                        "io",
                                        "joblib",
                                        "lib2to3",
                                        "linecache",
                                        "logging.config",
                                        "marshal",
                                        "mmap",
                                        "multiprocessing",
                                        "nt",
                                        "ntpath",
                                        "numpy.DataSource",
                                        "numpy.core._methods",
                                        "numpy.ctypeslib",
                                        "numpy.distutils",
                                        "numpy.f2py",
                                        "numpy.fromfile",
                                        "numpy.lib",
                                        "numpy.load",
                                        "numpy.loadtxt",
                                        "numpy.memmap",
                                        "numpy.save",
                                        "numpy.savetxt",
                                        "numpy.savez",
                                        "numpy.testing",
                                        "operator.attrgetter",
                                        "operator.methodcaller",
                                        "os",
                                        "pandas.eval",
                                        "pandas.io",
                                        "pandas.read_pickle",
                                        "pathlib",
                                        "pdb",
                                        "pickle",
                                        "pip",
                                        "pkg_resources",
                                        "pkgutil",
                                        "platform",
                                        "popen2",
                                        "posix",
                                        "posixpath",
                                        "profile",
                                        "pty",
                                        "pydoc",
                                        "requests",
                                        "runpy",
                                        "setuptools",
                                        "shelve",
                                        "shutil",
                                        "signal",
                                        "site",
                                        "smtplib",
                                        "socket",
                                        "socketserver",
                                        "sqlite3",
                                        "ssl",
                                        "subprocess",
                                        "sys",
                                        "telnetlib",
                                        "tempfile",
                                        "test",
                                        "threading",
                                        "timeit",
                                        "torch._C._jit",
                                        "torch._classes",
                                        "torch._dynamo",
                                        "torch._inductor",
                                        "torch._ops",
                                        "torch.classes",
                                        "torch.compile",
                                        "torch.distributed",
                                        "torch.fx",
                                        "torch.hub",
                                        "torch.jit",
                                        "torch.load",
                                        "torch.multiprocessing",
                                        "torch.ops",
                                        "torch.package",
                                        "torch.save",
                                        "torch.serialization",
                                        "torch.storage._load_from_bytes",
                                        "torch.testing._internal",
                                        "torch.utils._config_module",
                                        "torch.utils.bottleneck",
                                        "torch.utils.collect_env",
                                        "torch.utils.cpp_extension",
                                        "torch.utils.model_zoo",
                                        "trace",
                                        "types",
                                        "unittest",
                                        "urllib",
                                        "urllib2",
                                        "venv",
                                        "webbrowser",
                                        "winreg",
                                        "xmlrpc",
                                        "zipimport"};

/* What a part of a longer name must not be: a way from any module to the ones above. */
static const char *const dangerous_parts[] = {
    "_posixsubprocess", "builtins",   "ctypes",        "eval",       "exec",        "execfile",
    "exec_command",     "getattr",    "import_module", "importlib",  "nt",          "os",
    "pickle",           "popen",      "posix",         "pty",        "runpy",       "runstring",
    "shutil",           "socket",     "subprocess",    "system",     "sys",         "unlink",
    "write_bytes",      "write_text", "rmtree",        "attrgetter", "methodcaller"};

const char *ins_verdict_name(ins_verdict verdict) {
  static const char *const names[] = {"harmless", "unknown", "dangerous"};
  return names[verdict];
}

static bool is_below(const char *name, const char *module) {
  size_t n = strlen(module);
  return strncmp(name, module, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

/* Storage classes of every type: FloatStorage, cuda.HalfStorage, ... */
static bool is_storage(const char *full) {
  if (strncmp(full, "torch.", 6) != 0) return false;
  const char *name = full + (strncmp(full, "torch.cuda.", 11) == 0 ? 11 : 6);
  size_t n = strlen(name), end = strlen("Storage");
  if (n <= end || strcmp(name + n - end, "Storage") != 0) return false;
  return isupper((unsigned char)name[0]) && !strchr(name, '.');
}

static bool is_harmless(const char *module, const char *name, const char *full) {
  for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
    if (strcmp(full, harmless[i]) == 0) return true;
  if (is_storage(full)) return true;
  if (!isupper((unsigned char)name[0]) || strchr(name, '.')) return false;
  if (strcmp(module, "torch.nn") == 0) return true; /* but not all that is below */
  for (size_t i = 0; i < sizeof harmless_classes / sizeof harmless_classes[0]; i++)
    if (is_below(module, harmless_classes[i])) return true;
  return false;
}

static bool part_is_dangerous(const char *part, size_t n) {
  /* Names like __globals__, __class__ and __reduce__ lead everywhere. */
  if (n > 4 && memcmp(part, "__", 2) == 0 && memcmp(part + n - 2, "__", 2) == 0) return true;
  for (size_t i = 0; i < sizeof dangerous_parts / sizeof dangerous_parts[0]; i++)
    if (strlen(dangerous_parts[i]) == n && memcmp(part, dangerous_parts[i], n) == 0) return true;
  return false;
}

static bool is_dangerous(const char *full) {
  for (size_t i = 0; i < sizeof dangerous / sizeof dangerous[0]; i++)
    if (is_below(full, dangerous[i])) return true;
  /* The first part is a module of its own, which the table above knows or not. */
  size_t n = strcspn(full, ".");
  for (const char *part = full + n; *part; part += n) {
    part++;
    n = strcspn(part, ".");
    if (part_is_dangerous(part, n)) return true;
  }
  return false;
}

ins_verdict ins_verdict_of(const char *module, const char *name) {
  char full[1024];
  int n = snprintf(full, sizeof full, "%s.%s", module, name);
  if (n < 0 || (size_t)n >= sizeof full) return INS_DANGEROUS; /* nothing honest is called so */
  if (is_harmless(module, name, full)) return INS_HARMLESS;
  return is_dangerous(full) ? INS_DANGEROUS : INS_UNKNOWN;
}

bool ins_verdict_hides(const char *full_name) {
  static const char *const hiding[] = {"builtins.str", "__builtin__.str", "__builtin__.unicode",
                                       "numpy.str_"};
  for (size_t i = 0; i < sizeof hiding / sizeof hiding[0]; i++)
    if (strcmp(full_name, hiding[i]) == 0) return true;
  return false;
}
