# shellcheck shell=bash
# What a build needs that cargo does not fetch.

need_rust() {
  have cargo || die "Rust is not installed"
  cargo fmt --version >/dev/null 2>&1 || die "rustfmt is missing: \`rustup component add rustfmt\`"
  cargo clippy --version >/dev/null 2>&1 || die "clippy is missing: \`rustup component add clippy\`"
}

# `ring` compiles C.
need_c_compiler() {
  if have cc; then
    return
  fi
  have apt-get || die "a C compiler is missing"
  note "installing a C compiler"
  apt_get install gcc libc6-dev || die "apt-get could not install a C compiler"
}

# libFuzzer is C++.
need_cxx_compiler() {
  if have c++; then
    return
  fi
  have apt-get || die "a C++ compiler is missing"
  note "installing a C++ compiler"
  apt_get install g++ || die "apt-get could not install a C++ compiler"
}
