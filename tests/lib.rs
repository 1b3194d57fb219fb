//! Black-box tests live in `black_box/`; there is nothing to link against.
