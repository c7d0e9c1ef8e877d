# SPDX-License-Identifier: MIT
# The libraries, from the system or from a prefix (CMAKE_PREFIX_PATH), which always comes first. Each
# becomes a target insilico_<name> that rooms name in their LINKS. What is missing is collected and told
# at once, with the names of Debian's packages, so that nobody meets one missing library after the other.

# An installed program finds the libraries of a prefix where the linker found them.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
find_package(PkgConfig QUIET)
set_property(GLOBAL PROPERTY INSILICO_MISSING "")

function(ins_missing what debian)
  set_property(GLOBAL APPEND PROPERTY INSILICO_MISSING "${what} (Debian: ${debian})")
endfunction()

# ins_find_library(name MODULE pkg-config-name HEADER x.h [LIBRARY x] DEBIAN package): pkg-config only hints,
# because a library in a prefix may have come without its .pc file.
function(ins_find_library name)
  cmake_parse_arguments(L "" "MODULE;HEADER;LIBRARY;DEBIAN" "" ${ARGN})
  if(L_MODULE)
    pkg_check_modules(INSILICO_PC_${name} QUIET ${L_MODULE})
  endif()
  find_path(INSILICO_${name}_INCLUDE ${L_HEADER} HINTS ${INSILICO_PC_${name}_INCLUDE_DIRS})
  if(L_LIBRARY)
    find_library(INSILICO_${name}_LIBRARY ${L_LIBRARY} HINTS ${INSILICO_PC_${name}_LIBRARY_DIRS})
  endif()
  mark_as_advanced(INSILICO_${name}_INCLUDE INSILICO_${name}_LIBRARY)
  if(NOT INSILICO_${name}_INCLUDE OR (L_LIBRARY AND NOT INSILICO_${name}_LIBRARY))
    ins_missing("${name}: ${L_HEADER}" ${L_DEBIAN})
    return()
  endif()
  add_library(insilico_${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(insilico_${name} INTERFACE ${INSILICO_${name}_INCLUDE})
  if(L_LIBRARY)
    target_link_libraries(insilico_${name} INTERFACE ${INSILICO_${name}_LIBRARY})
  endif()
endfunction()

ins_find_library(zip MODULE libzip HEADER zip.h LIBRARY zip DEBIAN libzip-dev)
ins_find_library(fyaml MODULE libfyaml HEADER libfyaml.h LIBRARY fyaml DEBIAN libfyaml-dev)
ins_find_library(xxhash MODULE libxxhash HEADER xxhash.h LIBRARY xxhash DEBIAN libxxhash-dev)
ins_find_library(curl MODULE libcurl HEADER curl/curl.h LIBRARY curl DEBIAN libcurl4-openssl-dev)
ins_find_library(random123 HEADER Random123/philox.h DEBIAN librandom123-dev)
ins_find_library(png MODULE libpng HEADER png.h LIBRARY png DEBIAN libpng-dev)
ins_find_library(cminpack MODULE cminpack HEADER cminpack-1/cminpack.h LIBRARY cminpack DEBIAN libcminpack-dev)
if(INSILICO_TESTS)
  ins_find_library(cmocka MODULE cmocka HEADER cmocka.h LIBRARY cmocka DEBIAN
                   "libcmocka-dev, or leave the tests out by -DINSILICO_TESTS=OFF")
endif()

find_package(OpenSSL QUIET COMPONENTS Crypto)
if(NOT TARGET OpenSSL::Crypto)
  ins_missing("openssl: libcrypto" libssl-dev)
endif()
find_package(MPI QUIET COMPONENTS C)
if(NOT MPI_C_FOUND)
  ins_missing("MPI: a working mpicc" "libopenmpi-dev openmpi-bin")
endif()

# ScaLAPACK with its BLACS, and the BLAS below it. Debian names it by its MPI; it brings OpenBLAS along, which is
# linked too because its number of threads is set.
pkg_check_modules(SCALAPACK_MPI QUIET scalapack-openmpi)
find_library(INSILICO_SCALAPACK_LIBRARY NAMES scalapack-openmpi scalapack HINTS ${SCALAPACK_MPI_LIBRARY_DIRS})
find_library(INSILICO_OPENBLAS_LIBRARY NAMES openblas)
mark_as_advanced(INSILICO_SCALAPACK_LIBRARY INSILICO_OPENBLAS_LIBRARY)
if(INSILICO_SCALAPACK_LIBRARY AND INSILICO_OPENBLAS_LIBRARY)
  add_library(insilico_scalapack INTERFACE IMPORTED GLOBAL)
  target_link_libraries(insilico_scalapack INTERFACE ${INSILICO_SCALAPACK_LIBRARY} ${INSILICO_OPENBLAS_LIBRARY})
else()
  ins_missing("ScaLAPACK and OpenBLAS" "libscalapack-openmpi-dev libopenblas-dev")
endif()

# HDF5 with MPI-IO: from a prefix; else Debian's, which is named by its MPI lest it be mistaken for the
# serial one; else what h5pcc in PATH says.
find_path(INSILICO_HDF5_IN_PREFIX hdf5.h HINTS ${HDF5_ROOT} ENV HDF5_ROOT PATH_SUFFIXES include
          NO_SYSTEM_ENVIRONMENT_PATH NO_CMAKE_SYSTEM_PATH)
mark_as_advanced(INSILICO_HDF5_IN_PREFIX)
if(NOT INSILICO_HDF5_IN_PREFIX AND NOT HDF5_DIR)
  pkg_check_modules(HDF5_MPI QUIET hdf5-openmpi)
endif()
if(HDF5_MPI_FOUND)
  set(hdf5_include ${HDF5_MPI_INCLUDE_DIRS})
  find_library(INSILICO_HDF5_HL_LIBRARY hdf5_hl HINTS ${HDF5_MPI_LIBRARY_DIRS})
  mark_as_advanced(INSILICO_HDF5_HL_LIBRARY)
  set(hdf5_libraries ${INSILICO_HDF5_HL_LIBRARY} ${HDF5_MPI_LINK_LIBRARIES})
else()
  if(INSILICO_HDF5_IN_PREFIX AND NOT HDF5_ROOT)
    get_filename_component(HDF5_ROOT ${INSILICO_HDF5_IN_PREFIX} DIRECTORY)
  endif()
  set(HDF5_PREFER_PARALLEL ON)
  find_package(HDF5 QUIET COMPONENTS C HL)
  set(hdf5_include ${HDF5_INCLUDE_DIRS})
  set(hdf5_libraries ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES})
endif()

# One small program says whether all that is used is there: MPI-IO, the bounds of 1.10.2, dimension scales.
function(ins_check_hdf5)
  add_library(insilico_hdf5 INTERFACE IMPORTED GLOBAL)
  target_include_directories(insilico_hdf5 INTERFACE ${hdf5_include})
  target_link_libraries(insilico_hdf5 INTERFACE ${hdf5_libraries} MPI::MPI_C)
  if(NOT INSILICO_HDF5_WORKS)
    unset(INSILICO_HDF5_WORKS CACHE)
  endif()
  include(CheckCSourceCompiles)
  set(CMAKE_REQUIRED_QUIET ON)
  set(CMAKE_REQUIRED_LIBRARIES insilico_hdf5)
  check_c_source_compiles("
    #include <mpi.h>
    #include <hdf5.h>
    #include <hdf5_hl.h>
    #ifndef H5_HAVE_PARALLEL
    #error serial
    #endif
    int main(void) {
      return H5Pset_fapl_mpio(0, MPI_COMM_WORLD, MPI_INFO_NULL) + H5DSset_scale(0, \"x\") +
             H5Pset_libver_bounds(0, H5F_LIBVER_V18, H5F_LIBVER_V18);
    }" INSILICO_HDF5_WORKS)
  if(NOT INSILICO_HDF5_WORKS)
    ins_missing("HDF5 1.10.2 or later with MPI-IO and its high-level library: the one in ${hdf5_include} \
is serial, older, or was built with another MPI" libhdf5-openmpi-dev)
  endif()
endfunction()

if(NOT hdf5_libraries)
  ins_missing("HDF5 with MPI-IO" libhdf5-openmpi-dev)
elseif(MPI_C_FOUND)
  ins_check_hdf5()
endif()

get_property(missing GLOBAL PROPERTY INSILICO_MISSING)
if(missing)
  list(JOIN missing "\n  " missing)
  message(FATAL_ERROR "Not found:\n  ${missing}\nOn Debian, `sh cmake/setup.sh build` installs them. Elsewhere "
                      "name the prefixes that hold them in CMAKE_PREFIX_PATH; see docs/installing.md.")
endif()
