# The part that all schedulers share: start, look at what came of it, stop or take another turn.
# Before it: program, output, state, mode (requeue, chain, no), turns, max_turns, first, asked,
# launched, interrupted, and hand_on, start, another_turn, still_ours, preempted, use_nodes_left.

say() { echo "insilico submit: $(date '+%Y-%m-%d %H:%M:%S') $*"; }

# look: what `insilico status` knows, into tasks, finished, starts, closed
field() { printf '%s\n' "$seen" | sed -n "s/.*\"$1\":\\([0-9][0-9]*\\).*/\\1/p"; }
look() {
    seen=$("$program" status --json "$output" 2>/dev/null | sed 's/,"stages":.*//')
    tasks=$(field tasks) finished=$(field "done") starts=$(field starts) closed=$(field exit)
    finished=${finished:-0} starts=${starts:-0}
}

# The books of this and the turns before: launches in a row without a task finished, and the end.
idle=0
read_books() { sed -n "s/^$1 \\([0-9][0-9]*\\)\$/\\1/p" "$state" 2>/dev/null; }
write_books() { # [STATUS]
    {
        printf 'idle %s\nturns %s\n' "$idle" "$((turns + 1))"
        [ -z "${campaign:-}" ] || printf 'campaign %s\n' "$campaign"
        [ -z "${1:-}" ] || printf 'ended %s\n' "$1"
    } >"$state.new" && mv -f "$state.new" "$state"
}
leave() { # STATUS; where the scheduler would take 75 for a wish, `stopped` stands for it
    [ "$1" -ne 75 ] || exit "${stopped:-75}"
    exit "$1"
}
end() { # STATUS WHY
    say "$2"
    write_books "$1" || :
    leave "$1"
}

# Ended by the scheduler, which may or may not start the job again, or asked to stop by somebody. Only the latter is
# the end of a chain.
stopped_from_outside() { # STATUS
    count="$finished of ${tasks:-?} tasks are done"
    [ "$asked" != stop ] || ! still_ours || end "$1" "stopped as asked; submit again to go on ($count)"
    say "stopped from outside (scancel, preemption): unless the scheduler starts it again, submit again to go on ($count)"
    write_books || :
    leave "$1"
}

# A run that died may hold its lock a little longer, on a node that is gone for minutes.
await_lock() {
    tries=60
    while [ "$tries" -gt 0 ] && [ -z "$asked" ]; do
        case $("$program" status --json "$output" 2>/dev/null) in
        *'"state":"running"'*) sleep 2 ;;
        *) return ;;
        esac
        tries=$((tries - 1))
    done
}

# A host that is cut off is missed by mpirun after two minutes, before the run's own deadline would end it: what is sent
# to such a host in ending would keep mpirun for a quarter of an hour.
export OMPI_MCA_oob_tcp_keepalive_time="${OMPI_MCA_oob_tcp_keepalive_time:-60}"
export OMPI_MCA_oob_tcp_keepalive_intvl="${OMPI_MCA_oob_tcp_keepalive_intvl:-10}"
export OMPI_MCA_oob_tcp_keepalive_probes="${OMPI_MCA_oob_tcp_keepalive_probes:-6}"

# The launcher runs behind, so that traps run at once. Sets status: its own.
launch() {
    interrupted=no
    start --quiet "$@" &
    launched=$!
    [ -z "$asked" ] || hand_on
    wait "$launched"
    status=$?
    while [ "$interrupted" = yes ]; do
        interrupted=no
        wait "$launched"
        again=$?
        [ "$again" -eq 127 ] || status=$again # 127: it was waited for already
    done
    launched=''
}

# What the program came to. Launchers blur that: mpirun gives 1 also when a rank was killed, and srun
# may give 137 when it ended the last ranks of a run that stopped in order. So the journal comes first.
judge() {
    before=$finished started=$starts
    look
    verdict=crash
    if [ "$starts" -gt "$started" ] && [ -n "$closed" ]; then
        verdict=$closed
    else
        case $status in 0 | 2 | 3 | 75 | 126 | 127) verdict=$status ;; esac
    fi
    [ "$verdict" != 4 ] || verdict=crash
    if [ "$finished" -gt "$before" ]; then idle=0; else idle=$((idle + 1)); fi
}

# turn STATUS: somewhere else or later, unless that would go on for ever
turn() {
    count="$finished of ${tasks:-?} tasks are done"
    [ "$idle" -lt 2 ] || end "$1" "given up: two runs in a row finished no task ($count). If a task \
takes longer than the time limit, ask for more: --time"
    [ "$mode" != no ] || end "$1" "stopped; submit again to go on ($count)"
    [ "$turns" -lt "$max_turns" ] ||
        end "$1" "given up after $turns turns (max_requeues); submit again to go on ($count)"
    still_ours || {
        say "the scheduler is ending this job; what is done is kept ($count)"
        write_books || :
        leave "$1"
    }
    write_books || :
    say "$count"
    another_turn "$1"
    end "$1" "stopped; submit again to go on ($count)"
}

# after_crash STATUS: at once on what is left; the second time elsewhere
crashes=0
after_crash() {
    say "the run died: the launcher ended with status $1, $finished of ${tasks:-?} tasks are done"
    [ "$asked" != stop ] || stopped_from_outside "$1"
    [ -z "$asked" ] || turn "$1"
    still_ours || turn "$1"
    crashes=$((crashes + 1))
    [ "$idle" -lt 2 ] || turn "$1"
    if [ "$mode" != no ] && { [ "$idle" -gt 0 ] || [ "$crashes" -gt 10 ]; }; then turn "$1"; fi
    [ "$crashes" -le 10 ] || turn "$1"
    use_nodes_left
    say "starting again"
}

if [ "$first" = no ]; then
    ended=$(read_books ended)
    if [ "$mode" = chain ] && [ -n "$ended" ]; then
        say "nothing to do: the chain ended with status $ended before"
        exit "$ended"
    fi
    idle=$(read_books idle)
    idle=${idle:-0}
    await_lock
    [ "$idle" -eq 0 ] || use_nodes_left # the last turn may have failed for a node that is here again
fi
look
while :; do
    [ "$asked" != stop ] || stopped_from_outside 75
    [ -z "$asked" ] || turn 75
    launch "$@"
    judge
    case $verdict in
    0) end 0 "all tasks are done: $output" ;;
    1) end 1 "finished, but some tasks failed: insilico status names them; submitting again tries them" ;;
    2) end 2 "not started again: the job or the command is wrong (see above)" ;;
    126 | 127) end "$status" "not started again: the launcher or the program cannot be run (see above)" ;;
    3) end 3 "not started again: input or output failed (see above)" ;;
    75)
        if [ "$asked" = limit ] || { [ -z "$asked" ] && preempted; }; then turn 75; fi
        stopped_from_outside 75
        ;;
    *)
        [ "$status" -ne 0 ] || status=4
        after_crash "$status"
        await_lock
        ;;
    esac
done
