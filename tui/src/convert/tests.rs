//! The forms of real downloads.

use super::*;

const APPLE: &str = "time,symbol,price\n\
                     1704153600000,APL,187.15\n1704175200000,APL,188.44\n\
                     1704196800000,APL,183.88\n1704218400000,APL,185.64\n\
                     1704240000000,APL,184.22\n1704261600000,APL,185.88\n\
                     1704283200000,APL,183.43\n1704304800000,APL,184.25\n";

/// Converts one file of this name.
fn converted_with(
    name: &str,
    bytes: &[u8],
    change: impl FnOnce(&mut ConvertArgs),
) -> Result<(String, String), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut args = ConvertArgs {
        files: vec![path.to_str().unwrap().to_owned()],
        symbol: None,
        columns: None,
        skip_bad: false,
        output: None,
    };
    change(&mut args);
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    convert(&args, &mut out, &mut notes).map_err(|error| format!("{error:#}"))?;
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap()))
}

fn converted(name: &str, text: &str) -> Result<String, String> {
    converted_with(name, text.as_bytes(), |_| {}).map(|(prices, _)| prices)
}

#[test]
fn every_form_gives_the_same_prices() {
    let stooq = "Date,Open,High,Low,Close,Volume\n2024-01-02,187.15,188.44,183.885,185.64,8\n\
                 2024-01-03,184.22,185.88,183.43,184.25,5\n";
    assert_eq!(converted("stooq-aapl_us_d.csv", stooq).unwrap(), APPLE);
    let nasdaq = "Date,Close/Last,Volume,Open,High,Low\n\
                  01/03/2024,$184.25,5,$184.22,$185.88,$183.43\n\
                  01/02/2024,$185.64,8,$187.15,$188.44,$183.88\n";
    assert_eq!(converted("nasdaq-AAPL.csv", nasdaq).unwrap(), APPLE);
    let alpha = "timestamp,open,high,low,close,volume\n\
                 2024-01-03,184.2200,185.8800,183.4300,184.2500,5\n\
                 2024-01-02,187.1500,188.4400,183.8850,185.6400,8\n";
    assert_eq!(converted("alphavantage-daily_AAPL.csv", alpha).unwrap(), APPLE);
    for index in ["Date,,,,,\n", ""] {
        let yahoo = format!(
            "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\n{index}\
             2024-01-02,185.64,188.44,183.885,187.15,8\n2024-01-03,184.25,185.88,183.43,184.22,5\n"
        );
        assert_eq!(converted("yfinance.csv", &yahoo).unwrap(), APPLE);
    }
    let investing = "\u{feff}\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"%\"\n\
                     \"01/03/2024\",\"184.25\",\"184.22\",\"185.88\",\"183.43\",\"5M\",\"0%\"\n\
                     \"01/02/2024\",\"185.64\",\"187.15\",\"188.44\",\"183.885\",\"8M\",\"-1%\"\n";
    assert_eq!(converted("investing-AAPL.csv", investing).unwrap(), APPLE);
    let thousands = investing.replace("184.25", "1,184.25");
    assert!(converted("investing-AAPL.csv", &thousands).unwrap().contains(",APL,1184.25\n"));
    for unit in ["", "000"] {
        let klines = format!(
            "1704153600000{unit},187.15000000,188.44,183.885,185.64,8,17{unit},1,2,3,4,0\n\
             1704240000000{unit},184.22,185.88,183.43,184.25,5,17{unit},1,2,3,4,0\n"
        );
        assert_eq!(converted("AAPL-1d-2024-01-02.csv", &klines).unwrap(), APPLE);
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file("x.csv", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(klines.as_bytes()).unwrap();
        let zipped = zip.finish().unwrap().into_inner();
        let (prices, _) = converted_with("AAPL-1d-2024-01-02.zip", &zipped, |_| {}).unwrap();
        assert_eq!(prices, APPLE);
    }
    let own = converted("prices.csv", APPLE).unwrap();
    assert_eq!(own, APPLE);
    let named = "when;what\n".replace(';', ",") + "2024-01-02,5\n";
    let options = |args: &mut ConvertArgs| {
        args.columns = Some("time=when,price=what".parse().unwrap());
        args.symbol = Some("S".to_owned());
    };
    let (prices, _) = converted_with("x.csv", named.as_bytes(), options).unwrap();
    assert_eq!(prices, "time,symbol,price\n1704153600000,S,5.00\n");
}

#[test]
fn several_stocks_side_by_side_and_days_without_a_trade_are_read() {
    let yahoo = "Price,Close,Close,High,High,Low,Low,Open,Open\n\
                 Ticker,AAA,BBB,AAA,BBB,AAA,BBB,AAA,BBB\nDate,,,,,,,,\n\
                 2024-01-02,1,10,1,10,1,10,1,10\n2024-01-03,2,,2,,2,,2,\n";
    let prices = converted("two.csv", yahoo).unwrap();
    assert_eq!(prices.lines().filter(|line| line.contains(",AAA,")).count(), 8);
    assert_eq!(prices.lines().filter(|line| line.contains(",BBB,10.00")).count(), 4);
}

#[test]
fn errors_name_line_and_columns() {
    for (text, want) in [
        ("", "the file is empty"),
        ("Open,High\n", "no column date, time or timestamp; the columns are Open, High"),
        ("Date,Open,High,Low\n", "no column close or price"),
        ("Date,Close,Price\n", "it fits two forms"),
        ("Date,Open,Close\n", "no columns open, high, low and close"),
        ("Date,Open,High,Low,Close\nsoon,1,1,1,1\n", "line 2: \"soon\" is not a date"),
        ("Date,Open,High,Low,Close\n2024-01-02,1,1,x,1\n", "line 2: \"x\" is not a price"),
        ("Date,Open,High,Low,Close\n", "no prices in"),
    ] {
        let said = converted("AAPL.csv", text).unwrap_err();
        assert!(said.contains(want), "{text:?}: {said}");
    }
    let nameless = "Date,Open,High,Low,Close\n2024-01-02,1,1,1,1\n";
    assert!(converted("2024.csv", nameless).unwrap_err().contains("use --symbol"));
    let bad = "Date,Open,High,Low,Close\nsoon,1,1,1,1\n2024-01-02,1,1,1,1\n";
    let (prices, notes) =
        converted_with("AAPL.csv", bad.as_bytes(), |args| args.skip_bad = true).unwrap();
    assert_eq!(prices.lines().count(), 5);
    assert!(notes.contains("line 2") && notes.contains("1 rows left out"), "{notes}");
}

#[test]
fn bars_keep_the_length_of_their_own_symbol() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (name, rows) in [
        ("AAA.csv", "2024-01-02,1,2,3,4\n2024-01-03,5,6,7,8\n"),
        ("BBB.csv", "2024-01-02 00:00,1,2,3,4\n2024-01-02 00:01,5,6,7,8\n"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("Date,Open,High,Low,Close\n{rows}")).unwrap();
        files.push(path.to_str().unwrap().to_owned());
    }
    let args = ConvertArgs { files, symbol: None, columns: None, skip_bad: false, output: None };
    let mut out = Vec::new();
    convert(&args, &mut out, &mut Vec::new()).unwrap();
    let out = String::from_utf8(out).unwrap();
    let of = |symbol: &str| -> Vec<i64> {
        let lines = out.lines().filter(|line| line.contains(&format!(",{symbol},")));
        lines.map(|line| line.split(',').next().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(of("AAA")[1] - of("AAA")[0], 6 * 3_600_000);
    assert_eq!(of("BBB")[1] - of("BBB")[0], 15_000);
}

#[test]
fn the_day_is_where_the_whole_file_has_it_and_a_time_of_day_may_stand_apart() {
    let dates = |rows: &str| -> Vec<String> {
        let prices = converted("AAA.csv", rows).unwrap();
        prices.lines().skip(1).step_by(4).map(|line| line[..13].to_owned()).collect()
    };
    let rows = "Date,Open,High,Low,Close\n31/01/2024,1,1,1,1\n01/02/2024,1,1,1,1\n";
    assert_eq!(dates(rows), ["1706659200000", "1706745600000"], "January 31, February 1");
    let stooq = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n\
                 AAA,60,20240102,153000,1,1,1,1,5\nAAA,60,20240102,163000,1,1,1,1,5\n";
    assert_eq!(dates(stooq), ["1704209400000", "1704213000000"]);
    let mixed = "Date,Open,High,Low,Close\n31/01/2024,1,1,1,1\n01/31/2024,1,1,1,1\n";
    assert!(converted("AAA.csv", mixed).unwrap_err().contains("line 3"));
}

#[test]
fn a_zip_of_several_files_is_refused() {
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for name in ["a.csv", "b.csv"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(APPLE.as_bytes()).unwrap();
    }
    let zipped = zip.finish().unwrap().into_inner();
    let said = converted_with("two.zip", &zipped, |_| {}).unwrap_err();
    assert!(said.contains("2 files"), "{said}");
}
