#!/bin/sh
# SPDX-License-Identifier: MIT
# Stimuli as pictures: stimulus_show.sh PYTHON
. "$(dirname "$0")/lib.sh"
python=$1
reads="$(cd "$(dirname "$0")" && pwd)/stimulus_show_reads.py"
cd "$scratch" || exit 1

show() { "$INSILICO" stimulus show "$@" >log 2>&1; }

# Images and a movie to show.
"$python" "$reads" make "$scratch" || fail "cannot make images"

# Every kind that there is makes a contact sheet with its defaults, or with the files it needs.
kinds=$("$INSILICO" list stimuli | grep -v '^  keys of ' | sed -n 's/^  \([a-z_]*\) .*/\1/p')
[ "$(echo "$kinds" | wc -l)" -ge 14 ] || fail "too few kinds of stimuli: $kinds"
for kind in $kinds; do
  case $kind in
    image) set -- file=image.npy scale=luminance ;;
    movie) set -- file=movie.npy scale=contrast ;;
    sequence) set -- "parts=[{kind: flash}, {kind: spot, duration_s: 0.2}]" pause_s=0.1 ;;
    *) set -- ;;
  esac
  show "$kind" "$@" || fail "stimulus show $kind"
  grep -q "^contact sheet *$kind.png" log || fail "$kind: does not say what was written"
  "$python" "$reads" picture "$kind.png" || fail "$kind: its contact sheet"
done
echo "contact sheets of all kinds"

# Conditions, an animation and frames: as many as said, and every checksum holds.
rm moving_bar.png
show moving_bar direction_deg=0,90 speed_um_s=1500 --sheet out/bars.png \
  --animation out/bars-play.png --frames out/bars || fail "stimulus show with everything"
grep -q "^conditions *2" log || fail "two conditions"
[ ! -e moving_bar.png ] || fail "a sheet that nobody asked for"
"$python" "$reads" picture out/bars.png || fail "sheet"
n=$(sed -n 's/^animation .*, \([0-9]*\) frames/\1/p' log)
"$python" "$reads" animation out/bars-play.png "$n" 30 || fail "animation"
[ "$(ls out/bars/condition_00 | wc -l)" = "$n" ] || fail "frames: not as many as the animation has"

# Frames that are read again as a movie give the same numbers, to the 8 bits of a pixel.
show grating temporal_frequency_hz=3 spatial_frequency_cpmm=4 color=opponent before_s=0 after_s=0 \
  duration_s=1 --frames out/grating || fail "frames"
sed -n '/^range/,$p' log | grep -v frames >first
show movie file=out/grating --sheet out/again.png || fail "frames as a movie"
grep -q "^duration *1 s, 30 frames" log || fail "the movie's duration"
sed -n '/^range/,$p' log | grep -v sheet >second
"$python" "$reads" ranges first second 0.02 || fail "frames do not give the movie's numbers"
echo "frames are a movie"

# Numbers beyond what a model was trained on.
show step contrast=1 intensity.range=[-1,2] || fail "step"
grep -q "warning.*channel green reaches 2.5, 25% beyond" log || fail "no warning of the range"
show step contrast=0.5 intensity.range=[-1,2] || fail "step"
grep -q warning log && fail "a warning without reason"

# What cannot be shown is refused, with the limit, and nothing is written.
show grating spatial_frequency_cpmm=25 --sheet refused.png && fail "above Nyquist"
grep -q "20 cycles per mm" log || fail "the limit is not named"
[ ! -e refused.png ] || fail "written although refused"
show moving_br && fail "a misspelt kind"
grep -q "did you mean 'moving_bar'" log || fail "no suggestion"
show spot diameter=100 && fail "a misspelt key"
grep -q "diameter_um" log || fail "no nearest key"
"$INSILICO" stimulus show spot model=no_such_model.ckpt >log 2>&1 && fail "no such model"

# A stimulus of a job, by its name, with a change.
cat >job.yaml <<'YAML'
experiment: tuning
model: builtin:ground_truth
stimuli:
  - {kind: spot, diameter_um: [100, 200, 300]}
  - {kind: moving_bar, name: fast, direction_deg: "range(5,365,90)", speed_um_s: 1200,
     width_um: "2 * sigma_um"}
output: tuning.h5
YAML
show job.yaml fast --sheet out/job.png || fail "a stimulus of a job"
grep -q "^conditions *4" log || fail "its conditions"
grep -q "2 \* sigma_um" log || fail "what is measured of neurons is not said"
show job.yaml fast direction_deg=10,20 --sheet out/job.png || fail "with a change"
grep -q "^conditions *2" log || fail "the change is not there"
show job.yaml && fail "which of two stimuli?"
grep -q "spot, fast" log || fail "names are not listed"
show job.yaml slow && fail "no such stimulus"
echo "stimuli of jobs"
