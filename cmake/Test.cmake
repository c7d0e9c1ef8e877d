# SPDX-License-Identifier: MIT
# ins_test(NAME room.noun SOURCE test_noun.c [ROOMS ...] [RANKS n...] [LABELS ...] [TIMEOUT s])
# registers one cmocka program: once without MPI launcher (label unit), or once for each number of ranks
# (names room.noun.npN, label mpi). ins_script_test registers a shell or Python script the same way.
# Configuring fails when a test_*.c of the directory was not registered.
enable_testing()

# Ranks beyond the cores of a small machine must not spin, and containers are often root.
set(INSILICO_MPI_ENVIRONMENT OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
    OPENBLAS_NUM_THREADS=1)

function(ins_test)
  cmake_parse_arguments(T "" "NAME;SOURCE;TIMEOUT" "ROOMS;RANKS;LABELS" ${ARGN})
  set(target test_${T_NAME})
  add_executable(${target} ${T_SOURCE})
  set(rooms ${T_ROOMS})
  list(TRANSFORM rooms PREPEND insilico_)
  target_link_libraries(${target} PRIVATE ${rooms} insilico_cmocka m)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support ${CMAKE_SOURCE_DIR}/src)
  target_compile_definitions(${target} PRIVATE INS_TEST_DATA="${CMAKE_SOURCE_DIR}/tests"
                             INS_PROGRAM="$<TARGET_FILE:insilico>")
  ins_compile_options(${target})
  set_property(DIRECTORY APPEND PROPERTY INSILICO_TEST_SOURCES ${T_SOURCE})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 60)
  endif()
  if(T_RANKS)
    foreach(ranks ${T_RANKS})
      add_test(NAME ${T_NAME}.np${ranks}
               COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:${target}>)
      ins_test_properties(${T_NAME}.np${ranks} ${T_TIMEOUT} mpi ${T_LABELS})
      set_tests_properties(${T_NAME}.np${ranks} PROPERTIES PROCESSORS ${ranks})
    endforeach()
  else()
    add_test(NAME ${T_NAME} COMMAND ${target})
    ins_test_properties(${T_NAME} ${T_TIMEOUT} unit ${T_LABELS})
  endif()
endfunction()

# ins_script_test(NAME room.noun COMMAND program args... [LABELS ...] [TIMEOUT s])
function(ins_script_test)
  cmake_parse_arguments(T "" "NAME;TIMEOUT" "COMMAND;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  add_test(NAME ${T_NAME} COMMAND ${T_COMMAND})
  ins_test_properties(${T_NAME} ${T_TIMEOUT} ${T_LABELS})
  set_tests_properties(${T_NAME} PROPERTIES SKIP_RETURN_CODE 77) # something that it needs is not there
  if("mpi" IN_LIST T_LABELS)
    # It starts several ranks: nothing else should compute meanwhile.
    set_tests_properties(${T_NAME} PROPERTIES RUN_SERIAL TRUE)
  endif()
  set_property(TEST ${T_NAME} APPEND PROPERTY ENVIRONMENT "INSILICO=$<TARGET_FILE:insilico>"
               "MPIEXEC=${MPIEXEC_EXECUTABLE}" "SOURCE=${CMAKE_SOURCE_DIR}")
endfunction()

function(ins_test_properties name timeout)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} LABELS "${ARGN}"
                       ENVIRONMENT "${INSILICO_MPI_ENVIRONMENT}")
endfunction()

function(ins_check_tests_registered)
  file(GLOB present RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS test_*.c)
  get_property(registered DIRECTORY PROPERTY INSILICO_TEST_SOURCES)
  foreach(source ${present})
    if(NOT source IN_LIST registered)
      message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}/${source} is not registered with ins_test().")
    endif()
  endforeach()
endfunction()
