//! What error codes mean, where a page says so. Both lists are open sets: an unknown code is printed as it is, and a
//! known prefix still says something.

use super::text::plain;
use super::words::Lang;
use crate::event::Failure;

/// `ErrCodeExt` of the MPS error page and of VOD's longer list in the same naming; numbers as VOD defines them. The
/// first row whose code equals the given one, or is its prefix up to a dot, counts.
const MEANINGS: [(&str, &str, &str); 18] = [
    ("InvalidInput.InvalidTimeOffset", "时间偏移无效", "the time offset does not fit the source"),
    ("InvalidInput.DefinitionNotExist", "模板不存在", "the template does not exist"),
    ("InvalidInput.ConfigurationUnsupported", "参数配置不支持", "this configuration is not supported"),
    ("InvalidInput.TaskDuplicated", "任务重复", "the same task was already asked for"),
    ("InvalidInput.PermissionDenied", "没有权限", "no permission"),
    ("InvalidInput.ResultFileSizeTooLarge", "结果文件过大", "the result would be too large"),
    ("InvalidInput", "参数错误，请检查任务参数", "bad parameter: check the request"),
    ("SourceFileError.NoVideoMedia", "源文件没有画面", "the source has no picture"),
    ("SourceFileError.NoVideoResolution", "源文件缺少分辨率信息", "the source has no resolution"),
    ("SourceFileError.ContentMalformed", "源文件内容损坏", "the source is damaged"),
    ("SourceFileError.ContentUnsupported", "源文件格式不支持", "the source's format is not supported"),
    ("SourceFileError.DownloadNotAccessible", "源文件无法下载", "the source cannot be downloaded"),
    ("SourceFileError", "源文件错误，请检查源文件", "bad source: check the file"),
    ("InternalError", "平台内部错误，建议重试", "internal error of the platform: try again"),
    ("40000", "参数错误，请检查任务参数", "bad parameter: check the request"),
    ("60000", "源文件错误，请检查源文件", "bad source: check the file"),
    ("70000", "平台内部错误，建议重试", "internal error of the platform: try again"),
    ("30010", "平台处理错误", "error inside the platform"),
];

fn meaning(code: &str, lang: Lang) -> Option<&'static str> {
    let fits = |known: &str| {
        let rest = code.strip_prefix(known)?;
        (rest.is_empty() || rest.starts_with('.')).then_some(())
    };
    let (_, zh, en) = MEANINGS.iter().find(|(known, ..)| fits(known).is_some())?;
    Some(lang.pick(zh, en))
}

/// Code, meaning and the platform's own words, at most `bytes` of the latter; with 0 bytes, none.
pub(super) fn explain(failure: &Failure, bytes: usize, lang: Lang) -> String {
    let code = plain(&failure.code, 80);
    let message = if bytes == 0 { String::new() } else { plain(&failure.message, bytes) };
    let known = meaning(&failure.code, lang);
    let code = match known {
        Some(known) => format!("{code}{}{known}{}", lang.pick("（", " ("), lang.pick("）", ")")),
        None => code,
    };
    match (code.is_empty(), message.is_empty()) {
        (false, false) => format!("{code}{}{message}", lang.pick("：", ": ")),
        (false, true) => code,
        (true, false) => message,
        (true, true) => lang.pick("平台未说明原因", "the platform gave no reason").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, message: &str, expected: &str) {
        let failure = Failure { code: code.into(), message: message.into() };
        assert_eq!(explain(&failure, 100, Lang::En), expected);
    }

    #[test]
    fn a_code_comes_with_its_meaning_by_prefix_and_unknown_codes_as_they_are() {
        check("SourceFileError.NoVideoMedia", "", "SourceFileError.NoVideoMedia (the source has no picture)");
        check("SourceFileError.NewOne", "x", "SourceFileError.NewOne (bad source: check the file): x");
        check("SourceFileErrors", "", "SourceFileErrors");
        check("60000", "gone", "60000 (bad source: check the file): gone");
        check("12345", "odd", "12345: odd");
        check("", "", "the platform gave no reason");
    }
}
