//! The runs as Markdown tables.

use super::contestant::Contestant;
use super::run::{Metric, Run};
use super::scenario::{Group, Scenario};
use crate::order::Faults;

/// The runs of one contestant in one scenario, a round each.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) scenario: Scenario,
    pub(crate) contestant: Contestant,
    /// `None` where the broker failed.
    pub(crate) runs: Vec<Option<Run>>,
}

/// One table for each group that was measured.
pub(crate) fn tables(rows: &[Row]) -> String {
    let tables = Group::ALL.into_iter().filter_map(|group| {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.scenario.group == group).collect();
        (!rows.is_empty()).then(|| table(group, &rows))
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn table(group: Group, rows: &[&Row]) -> String {
    let columns = group.columns();
    let titles: String = columns.iter().map(|metric| format!(" {} |", metric.title())).collect();
    let of = columns[0].title();
    let mut text = format!(
        "### {}\n\n| scenario | broker |{titles} × mosquitto ({of}) | lost / doubled / reordered |\n|---|---|{}--:|--:|\n",
        group.title(),
        "--:|".repeat(columns.len())
    );
    for row in rows {
        let baseline = rows
            .iter()
            .find(|other| other.contestant == Contestant::Mosquitto && other.scenario.name == row.scenario.name);
        let figures: String = columns
            .iter()
            .map(|metric| {
                let value = median(runs(row).filter_map(|run| metric.of(run)));
                let nothing = if row.runs.iter().any(Option::is_some) { "–" } else { "fails" };
                format!(" {} |", value.map_or(nothing.to_owned(), |value| metric.show(value)))
            })
            .collect();
        // Where the group's first figure is none of this scenario's, the first that it has is compared.
        let compared = columns.iter().copied().find(|metric| runs(row).any(|run| metric.of(run).is_some()));
        let ratio = baseline.zip(compared).and_then(|(baseline, metric)| ratio(metric, &row.runs, &baseline.runs));
        let faults = runs(row).map(|run| run.faults).fold(Faults::default(), Faults::plus);
        text += &format!(
            "| {} | {} |{figures} {} | {} / {} / {} |\n",
            row.scenario.name,
            row.contestant.name(),
            ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
            runs(row).map(|run| run.lost).sum::<u64>(),
            faults.doubled,
            faults.reordered,
        );
    }
    text
}

fn runs(row: &Row) -> impl Iterator<Item = &Run> {
    row.runs.iter().flatten()
}

/// The median of the rounds' ratios: a noisy minute hits both of a round alike.
fn ratio(metric: Metric, runs: &[Option<Run>], baseline: &[Option<Run>]) -> Option<f64> {
    let ratios = runs.iter().zip(baseline).filter_map(|(run, baseline)| {
        let (value, baseline) = (metric.of(run.as_ref()?)?, metric.of(baseline.as_ref()?)?);
        (baseline > 0.0).then(|| value / baseline)
    });
    median(ratios)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(contestant: Contestant, rates: [f64; 3]) -> Row {
        let scenario = Scenario::all().remove(0);
        let runs = rates.map(|rate| Some(Run { per_cpu_second: Some(rate), lost: 1, ..Run::default() }));
        Row { scenario, contestant, runs: runs.to_vec() }
    }

    #[test]
    fn medians_and_ratios_are_of_the_rounds() {
        let rows = [row(Contestant::Mosquitto, [10.0, 20.0, 40.0]), row(Contestant::None, [30.0, 40.0, 200.0])];
        let text = tables(&rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(lines[2].starts_with("| scenario | broker | per CPU-s |"), "{text}");
        assert!(lines[4].starts_with("| fan-in QoS 0, 50 → 1 | mosquitto | 20 | – |"), "{text}");
        assert!(lines[4].ends_with("| 1.00 | 3 / 0 / 0 |"), "{text}");
        // 3, 2 and 5 times as many.
        assert!(lines[5].starts_with("| fan-in QoS 0, 50 → 1 | nightjar, none | 40 | – |"), "{text}");
        assert!(lines[5].ends_with("| 3.00 | 3 / 0 / 0 |"), "{text}");
    }

    #[test]
    fn without_mosquitto_there_is_no_ratio() {
        let text = tables(&[row(Contestant::None, [1.0, 2.0, 3.0])]);
        assert!(text.contains("| – | 3 / 0 / 0 |"), "{text}");
        assert_eq!(median([].into_iter()), None);
    }

    #[test]
    fn who_fails_does_not_disturb_the_others() {
        let failed = Row { runs: vec![None; 3], ..row(Contestant::Rumqttd, [0.0; 3]) };
        let text = tables(&[row(Contestant::Mosquitto, [1.0, 2.0, 3.0]), failed]);
        assert!(text.contains("| mosquitto | 2 |") && text.contains("| rumqttd | fails |"), "{text}");
        let mut once = row(Contestant::None, [8.0, 8.0, 8.0]);
        once.runs[0] = None;
        once.runs[2] = None;
        let text = tables(&[row(Contestant::Mosquitto, [1.0, 2.0, 3.0]), once]);
        assert!(text.contains("| nightjar, none | 8 |") && text.contains("| 4.00 |"), "{text}");
    }
}
