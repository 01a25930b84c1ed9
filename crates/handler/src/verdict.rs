//! What a task came to. The event does not say: `FINISH` only means that it ended, so the verdict follows from the
//! task's own error code and from every output. A moderation check that found something has succeeded; its findings
//! are counted apart, for they must be seen all the same.

use crate::event::{Kind, MediaTask, OutcomeState, Status};

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not begun.
    Waiting,
    /// At work.
    Processing,
    /// Everything that was asked for is there.
    Succeeded,
    /// Some of it is there.
    Partial,
    /// None of it is there.
    Failed,
    /// It ended, and the event does not tell how.
    Unclear,
}

/// A verdict and the counts behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Outputs that are there.
    pub succeeded: usize,
    /// Outputs that failed.
    pub failed: usize,
    /// Outputs of which neither can be said.
    pub open: usize,
    /// Moderation checks that found something.
    pub findings: usize,
}

impl Judgement {
    /// Judges a task.
    pub fn of(task: &MediaTask) -> Self {
        let count = |wanted: &[OutcomeState]| task.outcomes.iter().filter(|it| wanted.contains(&it.state)).count();
        let succeeded = count(&[OutcomeState::Success]);
        let failed = count(&[OutcomeState::Fail]);
        let findings = task.outcomes.iter().filter(|it| it.finding.is_some()).count();
        let mut judgement = Self {
            verdict: Verdict::Unclear,
            succeeded,
            failed,
            open: task.outcomes.len() - succeeded - failed,
            findings,
        };
        let at_work = count(&[OutcomeState::Processing, OutcomeState::Waiting]) > 0;
        judgement.verdict = match &task.status {
            Status::Waiting => Verdict::Waiting,
            Status::Processing => Verdict::Processing,
            Status::Absent if at_work => Verdict::Processing,
            Status::Finished | Status::Absent => judgement.ended(task),
            Status::Other(word) => match word.to_ascii_uppercase().as_str() {
                "SUCCESS" | "SUCCEEDED" => judgement.ended(task),
                "FAIL" | "FAILED" | "ERROR" if succeeded == 0 => Verdict::Failed,
                "FAIL" | "FAILED" | "ERROR" => Verdict::Partial,
                _ => Verdict::Unclear,
            },
        };
        judgement
    }

    fn ended(&self, task: &MediaTask) -> Verdict {
        // An edit has one output and one error code; batch and workflow tasks may end without telling anything.
        let tells_by_code = matches!(task.kind, Kind::Edit | Kind::Watermark);
        match (task.failure.is_some(), self.succeeded, self.failed, self.open) {
            (true, 0, _, _) => Verdict::Failed,
            (true, ..) if tells_by_code => Verdict::Failed,
            (true, ..) => Verdict::Partial,
            (false, 0, 1.., 0) => Verdict::Failed,
            (false, _, 1.., _) => Verdict::Partial,
            (false, 1.., 0, 0) => Verdict::Succeeded,
            (false, 0, 0, 0) if tells_by_code => Verdict::Succeeded,
            (false, ..) => Verdict::Unclear,
        }
    }

    /// Whether the task is still on its way.
    pub fn is_running(&self) -> bool {
        matches!(self.verdict, Verdict::Waiting | Verdict::Processing)
    }

    /// Whether somebody should look: something failed, or moderation found something.
    pub fn needs_attention(&self) -> bool {
        matches!(self.verdict, Verdict::Failed | Verdict::Partial) || (self.findings > 0 && !self.is_running())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Incoming};

    fn check(event: &str, expected: Verdict) {
        match Event::parse(event.as_bytes(), "").incoming {
            Incoming::Task(task) => assert_eq!(Judgement::of(&task).verdict, expected, "{event}"),
            other => panic!("no task in {event}: {other:?}"),
        }
    }

    fn workflow(task: &str) -> String {
        format!(r#"{{"EventType":"WorkflowTask","WorkflowTaskEvent":{{{task}}}}}"#)
    }

    #[test]
    fn finish_is_not_success() {
        let fail = r#""MediaProcessResultSet":[{"Type":"Transcode","TranscodeTask":{"Status":"FAIL"}}]"#;
        check(&workflow(&format!(r#""Status":"FINISH","ErrCode":0,{fail}"#)), Verdict::Failed);
    }

    #[test]
    fn a_bad_source_fails_the_task_whatever_the_lists_are() {
        for lists in ["", r#","MediaProcessResultSet":[]"#, r#","MediaProcessResultSet":null"#] {
            check(&workflow(&format!(r#""Status":"FINISH","ErrCode":60000{lists}"#)), Verdict::Failed);
        }
    }

    #[test]
    fn one_failure_among_successes_is_partial() {
        let two = r#"[{"Type":"A","ATask":{"Status":"SUCCESS"}},{"Type":"B","BTask":{"Status":"FAIL"}}]"#;
        check(&workflow(&format!(r#""Status":"FINISH","MediaProcessResultSet":{two}"#)), Verdict::Partial);
    }

    #[test]
    fn an_output_that_is_not_told_makes_the_end_unclear() {
        check(&workflow(r#""Status":"FINISH","MediaProcessResultSet":[{"Type":"CoverBySnapshot"}]"#), Verdict::Unclear);
        check(&workflow(r#""Status":"FINISH""#), Verdict::Unclear);
        check(&workflow(r#""Status":"PAUSED""#), Verdict::Unclear);
    }

    #[test]
    fn without_a_status_the_outputs_decide() {
        let one = |state: &str| format!(r#""MediaProcessResultSet":[{{"Type":"A","ATask":{{"Status":"{state}"}}}}]"#);
        check(&workflow(&one("PROCESSING")), Verdict::Processing);
        check(&workflow(&one("SUCCESS")), Verdict::Succeeded);
    }

    #[test]
    fn an_edit_is_judged_by_its_code() {
        let edit = |task: &str| format!(r#"{{"EventType":"EditMediaTask","EditMediaTaskEvent":{{{task}}}}}"#);
        check(&edit(r#""Status":"FINISH","ErrCode":0,"Output":null"#), Verdict::Succeeded);
        check(&edit(r#""Status":"FINISH","ErrCode":70000,"Output":{"Path":"/a"}"#), Verdict::Failed);
    }
}
