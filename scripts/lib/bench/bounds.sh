# shellcheck shell=bash
# What a figure may be at most. Only ratios of one run, exponents and memory are judged, never seconds.

# Doubling a size may cost 2.2 times the client's processor time: log2(2.2).
EXPONENT=1.14
PEAK=64

# judge WHAT VALUE BOUND: what is broken is told at the end.
judge() {
  echo "$1" >>"$WORK/judged"
  if awk -v value="$2" -v bound="$3" 'BEGIN { exit !(value + 0 > bound + 0) }'; then
    echo "$1 is $2, the bound $3" >>"$WORK/broken"
    note "BROKEN: $1 is $2, the bound $3"
  fi
}

# judge_ratio SHAPE SIZE: of an in-sync check beside the listing, from the size on to which the bound applies. Below it, start
# and login are most of both.
judge_ratio() {
  local from
  case $1 in
    tables) from=10000 ;;
    schemas) from=500 ;;
    roles) from=400 ;;
    databases) from=100 ;;
    functions) from=20000 ;;
    sequences) from=10000 ;;
    *) return 0 ;;
  esac
  [ "$2" -lt "$from" ] || judge "ratio of check, $1 $2" "$(median_ratio)" 1.0
}

# judge_peak WHERE MIB: where a verdict has findings, each takes memory, and there is no bound.
judge_peak() {
  [ "$2" = unknown ] || [ "$VERDICT" -ne 0 ] || judge "peak memory, $1" "$2" $PEAK
}

# exponent KEY SIZE SECONDS: of SECONDS between this size of KEY and the one before; 1 is linear. Prints nothing for the first.
exponent() {
  local file=$WORK/exponent.${1//[^a-z]/_}
  if [ -s "$file" ]; then
    awk -v size="$2" -v seconds="$3" '{ printf "%.2f", log(seconds / $2) / log(size / $1) }' "$file"
  fi
  echo "$2 $3" >"$file"
}

# The verdict on all of it: status 1 where a bound is broken.
verdict() {
  local judged
  judged=$(sort -u "$WORK/judged" 2>/dev/null | wc -l | tr -d ' ')
  if [ -s "$WORK/broken" ]; then
    printf '\n### Bounds that are broken, of %s\n\n' "$judged"
    sed 's/^/- /' "$WORK/broken"
    return 1
  fi
  printf '\n%s bounds hold.\n' "$judged"
}
