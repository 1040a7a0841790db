# shellcheck shell=bash
# Two commands side by side, in turn, and what their times come to.

# timed CMD…: wall-clock and processor seconds. Nobody reads its output; what it complains of ends the run.
timed() {
  local TIMEFORMAT='%R %U %S' status=0
  { time "$@" >/dev/null 2>"$WORK/complaint" </dev/null; } 2>"$WORK/time" || status=$?
  [ "$status" -eq 0 ] || die "\`$1\` ended with $status: $(head -c 2000 "$WORK/complaint")"
  awk '{ printf "%s %.3f", $1, $2 + $3 }' "$WORK/time"
}

# Seconds of processor time that the server has spent on sessions that are over; 0 where there is no /proc.
server_cpu() {
  local stat=/proc/$SERVER/stat
  sleep 0.1
  if [ -r "$stat" ]; then
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); split($0, f, " "); printf "%.2f", (f[14] + f[15]) / hz }' "$stat"
  else
    echo 0
  fi
}

# pairs COUNT PREPARE A B: A B A B …, PREPARE before each of them with `a` or `b`. Leaves a line for each pair in `$WORK/pairs`:
# wall, client and server seconds of A, the same of B.
pairs() {
  local count=$1 prepare=$2 a=$3 b=$4 i before after side
  : >"$WORK/pairs"
  for ((i = 0; i <= count; i++)); do
    for side in a b; do
      "$prepare" "$side"
      before=$(server_cpu)
      if [ $side = a ]; then timed "$a" >"$WORK/$side"; else timed "$b" >"$WORK/$side"; fi
      after=$(server_cpu)
      awk -v a="$before" -v b="$after" '{ printf "%s %.2f ", $0, b - a }' "$WORK/$side" >"$WORK/$side.full"
    done
    # The first pair warms the caches.
    [ $i -eq 0 ] || echo "$(cat "$WORK/a.full")$(cat "$WORK/b.full")" >>"$WORK/pairs"
  done
}

# summary: `A | B | ratio | processor seconds of A | of B`, each the median, with the smallest and the greatest behind it.
summary() {
  awk '
    function sort(v, n,    i, j, x) {
      for (i = 2; i <= n; i++) { x = v[i]; for (j = i - 1; j >= 1 && v[j] > x; j--) v[j + 1] = v[j]; v[j + 1] = x }
    }
    function median(v, n) { return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }
    function spread(v, n, scale, digits,    f) {
      sort(v, n)
      f = "%." digits "f"
      return sprintf(f " (" f "–" f ")", median(v, n) * scale, v[1] * scale, v[n] * scale)
    }
    {
      wa[NR] = $1; ca[NR] = $2 + $3; wb[NR] = $4; cb[NR] = $5 + $6
      ratio[NR] = $1 / $4
    }
    END {
      printf "%s | %s | **%s** | ", spread(wa, NR, 1000, 0), spread(wb, NR, 1000, 0), spread(ratio, NR, 1, 2)
      sort(ca, NR); sort(cb, NR)
      printf "%.0f | %.0f", median(ca, NR) * 1000, median(cb, NR) * 1000
    }' "$WORK/pairs"
}

# median_ratio: of the pairs' wall-clock seconds.
median_ratio() {
  awk '{ print $1 / $4 }' "$WORK/pairs" | sort -g |
    awk '{ v[NR] = $1 } END { printf "%.2f", (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}

# client_seconds: the least processor time of A itself, which other work on the machine disturbs least.
client_seconds() {
  awk 'NR == 1 || $2 < least { least = $2 } END { printf "%.3f", least < 0.001 ? 0.001 : least }' "$WORK/pairs"
}

# peak CMD…: the largest resident set of the process, in MiB.
peak() {
  if /usr/bin/time -f %M true 2>/dev/null; then
    /usr/bin/time -f %M -o "$WORK/peak" "$@" >/dev/null 2>"$WORK/complaint" || true
    awk 'END { printf "%.1f", $1 / 1024 }' "$WORK/peak"
  elif /usr/bin/time -l true 2>/dev/null; then
    /usr/bin/time -l "$@" 2>&1 >/dev/null | awk '/maximum resident set size/ { printf "%.1f", $1 / 1048576 }'
  else
    printf 'unknown'
  fi
}
