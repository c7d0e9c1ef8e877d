# The part that all schedulers share: start, look at what came of it, stop or take another turn.
# Before it: me or campaign (the job's number), program, output, state, ranks, mode (requeue, chain, no), turns,
# max_turns, first, asked, launched, interrupted, and hand_on, start, another_turn, still_ours, preempted,
# use_nodes_left.

say() { printf 'insilico submit: %s %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$*"; }

# look: what `insilico status` knows, into tasks, finished, tried, starts, closed, locked, and count for people. Failed
# tasks were tried, too.
field() { printf '%s\n' "$seen" | sed -n "s/.*\"$1\":\\([0-9][0-9]*\\).*/\\1/p"; }
look() {
    seen=$("$program" status --json "$output" 2>/dev/null | sed 's/,"stages":.*//')
    tasks=$(field tasks) finished=$(field "done") starts=$(field starts) closed=$(field exit)
    finished=${finished:-0} starts=${starts:-0} failed=$(field failed)
    tried=$((finished + ${failed:-0}))
    case $seen in *'"state":"running"'*) locked=yes ;; *) locked=no ;; esac
    if [ -n "$tasks" ]; then count="$finished of $tasks tasks are done"; else count="no results yet"; fi
}

# The books of this and the turns before: launches in a row without a task tried, how many tasks there were then, and
# the end.
idle=0
read_books() { sed -n "s/^$1 \\([0-9][0-9]*\\)\$/\\1/p" "$state" 2>/dev/null; }
write_books() { # [STATUS]
    {
        printf 'idle %s\nturns %s\ntried %s\n' "$idle" "$((turns + 1))" "$tried"
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
stopped_from_outside() {
    [ "$asked" != stop ] || ! still_ours || end 75 "stopped as asked; submit again to go on ($count)"
    say "stopped from outside (scancel, preemption): unless the scheduler starts it again, submit again to go on ($count)"
    write_books || :
    leave 75
}

# A run that died may hold its lock a little longer, on a node that is gone for minutes.
await_lock() {
    tries=60
    look
    while [ "$locked" = yes ] && [ "$tries" -gt 0 ] && [ -z "$asked" ]; do
        sleep 2
        tries=$((tries - 1))
        look
    done
}

# A host that is cut off is missed by mpirun after two minutes, before the run's own deadline would end it: what is sent
# to such a host in ending would keep mpirun for a quarter of an hour.
export OMPI_MCA_oob_tcp_keepalive_time="${OMPI_MCA_oob_tcp_keepalive_time:-60}"
export OMPI_MCA_oob_tcp_keepalive_intvl="${OMPI_MCA_oob_tcp_keepalive_intvl:-10}"
export OMPI_MCA_oob_tcp_keepalive_probes="${OMPI_MCA_oob_tcp_keepalive_probes:-6}"

# The launcher runs behind, so that traps run at once. Sets status: its own. A launch that never comes back (the node is
# lost, and the scheduler starts the job again) counts as one without progress; one that is stopped by others does not.
launch() {
    interrupted=no
    idle=$((idle + 1))
    write_books || :
    idle=$((idle - 1))
    start --quiet "$@" &
    launched=$!
    [ -z "$asked" ] || hand_on
    wait "$launched"
    status=$?
    while [ "$interrupted" = yes ]; do
        interrupted=no
        [ "$asked" != stop ] || write_books || :
        wait "$launched"
        again=$?
        [ "$again" -eq 127 ] || status=$again # 127: it was waited for already
    done
    launched=''
}

# What the program came to. Launchers blur that: mpirun gives 1 also when a rank was killed, and srun
# may give 137 when it ended the last ranks of a run that stopped in order. So the journal comes first.
judge() {
    before=$tried started=$starts
    look
    verdict=crash
    if [ "$starts" -gt "$started" ] && [ -n "$closed" ]; then
        verdict=$closed
    else
        case $status in 0 | 2 | 3 | 75 | 126 | 127) verdict=$status ;; esac
    fi
    [ "$verdict" != 4 ] || verdict=crash
    if [ "$verdict" = 3 ] && [ "$locked" = yes ]; then verdict=locked; fi
    if [ "$tried" -gt "$before" ]; then
        idle=0
    elif [ "$asked" = limit ] || { [ "$verdict" = crash ] && ! from_outside; }; then
        idle=$((idle + 1))
    fi
}
# Ended, or being ended, by somebody or the scheduler: no fault of the job.
from_outside() { [ "$asked" = stop ] || ! still_ours || preempted; }

# What to do about runs without progress.
advice() { # STATUS
    if [ "$starts" -eq "$started" ] && [ "$1" -ne 75 ]; then
        echo "No run began: see above what the launcher said"
    elif [ "$1" -eq 75 ]; then
        echo "If a task takes longer than the time limit, ask for more: --time"
    elif [ "$1" -eq 137 ] || [ "$1" -eq 125 ]; then
        echo "If memory ran out (Slurm says oom), ask for more: --mem-per-cpu"
    else
        echo "See above; if memory ran out (oom), ask for more: --mem-per-cpu"
    fi
}

# turn STATUS: somewhere else or later, unless that would go on for ever
turn() {
    [ "$idle" -lt 2 ] || end "$1" "given up: two runs in a row finished no task ($count). $(advice "$1")"
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
    say "the run died: the launcher ended with status $1 ($count)"
    [ "$asked" != stop ] || stopped_from_outside
    [ -z "$asked" ] || turn "$1"
    ! from_outside || turn "$1"
    crashes=$((crashes + 1))
    [ "$idle" -lt 2 ] || turn "$1"
    if [ "$mode" != no ] && { [ "$idle" -gt 0 ] || [ "$crashes" -gt 10 ]; }; then turn "$1"; fi
    [ "$crashes" -le 10 ] || turn "$1"
    use_nodes_left
    say "starting again"
}

started=0
look
if [ "$first" = no ]; then
    ended=$(read_books ended)
    if [ "$mode" = chain ] && [ -n "$ended" ]; then
        say "nothing to do: the chain ended with status $ended before (75: submit again to go on)"
        exit "$ended"
    fi
    idle=$(read_books idle)
    idle=${idle:-0}
    before=$(read_books tried)
    [ "$tried" -le "${before:-$tried}" ] || idle=0
    [ "$turns" -le "$max_turns" ] ||
        end 75 "given up after $turns turns (max_requeues); submit again to go on ($count)"
    [ "$idle" -lt 2 ] || end 4 "given up: two runs in a row finished no task, and the last one was lost ($count)"
    [ "$idle" -eq 0 ] || use_nodes_left # the last turn may have failed for a node that is here again
fi
await_lock
say "job ${me:-${campaign:-?}}, turn $((turns + 1)): $output," \
    "$ranks ranks by ${launcher:-mpirun}, this script on $(uname -n) ($count)"
while :; do
    [ "$asked" != stop ] || stopped_from_outside
    [ -z "$asked" ] || turn 75
    launch "$@"
    judge
    case $verdict in
    0) end 0 "all tasks are done: $output" ;;
    1) end 1 "finished, but some tasks failed: insilico status names them; submitting again tries them" ;;
    2) end 2 "not started again: the job or the command is wrong (see above)" ;;
    126 | 127) end "$status" "not started again: the launcher or the program cannot be run (see above)" ;;
    3) end 3 "not started again: input or output failed (see above)" ;;
    locked)
        say "not started: another run is writing these results (is this job submitted twice?)"
        [ "$asked" != stop ] || stopped_from_outside
        turn 3
        ;;
    75)
        if [ "$asked" = limit ] || { [ -z "$asked" ] && preempted; }; then turn 75; fi
        stopped_from_outside
        ;;
    *)
        # Launchers end with 1 for a rank that was killed, which is what failed tasks are called here.
        if [ "$status" -lt 125 ]; then status=4; fi
        after_crash "$status"
        await_lock
        ;;
    esac
done
