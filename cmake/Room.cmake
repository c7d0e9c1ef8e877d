# SPDX-License-Identifier: MIT
# A room is a static library insilico_<name> from src/<name>/*.c that owns some public headers. Its sources
# may include the headers of the rooms it USES (and of theirs) and of itself, nothing else: a forbidden
# include stops the configuration, so the architecture cannot erode unseen.

# Rooms and headers known so far, and for each room every room it can see.
function(ins_room name)
  cmake_parse_arguments(ROOM "" "" "HEADERS;USES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  file(GLOB private CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)

  set(visible ${name})
  set(links ${ROOM_LINKS})
  foreach(used ${ROOM_USES})
    get_property(theirs GLOBAL PROPERTY INSILICO_VISIBLE_${used})
    if(NOT theirs)
      message(FATAL_ERROR "Room ${name} uses room ${used}, which is not below it.")
    endif()
    list(APPEND visible ${theirs})
    list(APPEND links insilico_${used})
  endforeach()
  list(REMOVE_DUPLICATES visible)
  set_property(GLOBAL PROPERTY INSILICO_VISIBLE_${name} ${visible})
  foreach(header ${ROOM_HEADERS})
    set_property(GLOBAL PROPERTY INSILICO_ROOM_OF_${header} ${name})
  endforeach()
  ins_check_includes(${name} "${visible}" ${sources} ${private})

  if(NOT sources)
    message(FATAL_ERROR "Room ${name} has no source files.")
  endif()
  add_library(insilico_${name} STATIC ${sources})
  target_include_directories(insilico_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include
                             PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(insilico_${name} PUBLIC ${links})
  ins_compile_options(insilico_${name})
endfunction()

# Every `#include "insilico/x.h"` of the files must name a header of a visible room, and every private
# header "room/x.h" must be one of a visible room.
function(ins_check_includes name visible)
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(STRINGS ${file} includes REGEX "^#include \"[a-z_]+/")
    foreach(line ${includes})
      string(REGEX REPLACE "^#include \"([a-z_]+)/([a-z0-9_]+)\\.h\".*" "\\1" owner ${line})
      string(REGEX REPLACE "^#include \"([a-z_]+)/([a-z0-9_]+)\\.h\".*" "\\2" header ${line})
      if(owner STREQUAL insilico)
        get_property(owner GLOBAL PROPERTY INSILICO_ROOM_OF_${header})
      endif()
      if(NOT owner IN_LIST visible)
        message(FATAL_ERROR "${file} includes ${header}.h of room '${owner}', which room "
                            "'${name}' may not use (see docs/architecture.md).")
      endif()
    endforeach()
  endforeach()
endfunction()

# Warnings, sanitizers and the C dialect that all our targets share.
function(ins_compile_options target)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  # Contraction is fixed by the kernels' own options; elsewhere a*b+c must mean the same everywhere.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith
                         -Wwrite-strings -Wvla
                         $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> -ffp-contract=off)
  if(INSILICO_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(INSILICO_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all
                           -fno-omit-frame-pointer -g)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  endif()
endfunction()
