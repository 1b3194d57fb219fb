//! The `daytrade` program; all of it is in the library.

fn main() -> std::process::ExitCode {
    daytrade_tui::cli::main()
}
