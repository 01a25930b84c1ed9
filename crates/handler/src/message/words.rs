//! Every word of the messages, in both languages, and nothing else.

use crate::event::{Kind, Suggestion};
use crate::verdict::Verdict;

/// Language of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lang {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    pub(super) fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

macro_rules! words {
    ($($name:ident: $zh:literal, $en:literal;)*) => {
        $(pub(super) fn $name(lang: Lang) -> &'static str { lang.pick($zh, $en) })*
    };
}

words! {
    colon: "：", ": ";
    comma: "、", ", ";
    reason: "原因", "Reason";
    status_label: "状态", "Status";
    source_label: "源文件", "Source";
    place_label: "位置", "Where";
    media_label: "媒体", "Media";
    output_label: "输出到", "Output to";
    count_label: "结果", "Results";
    task_id: "任务 ID", "Task";
    session_label: "会话 ID", "Session";
    unknown_event: "收到未知类型的事件：", "Event of an unknown type: ";
    empty_event: "收到一个空事件，没有内容可通知", "An empty event arrived: nothing to tell";
    foreign_event: "收到一个不是媒体处理（MPS）任务的事件", "An event arrived that is no media task (MPS)";
    clean: "未发现问题", "nothing found";
    no_audio: "没有声音", "no sound";
    no_video: "没有画面", "no picture";
    watermark: "检测到盲水印", "blind watermark found";
    no_watermark: "未检测到盲水印", "no blind watermark found";
    first_at: "首处 ", "first at ";
    keywords: "关键词 ", "words ";
}

pub(super) fn unreadable_event(lang: Lang, bytes: usize) -> String {
    lang.pick(
        format!("收到一个无法解析的事件（{bytes} 字节）"),
        format!("An event arrived that is not JSON ({bytes} bytes)"),
    )
}

pub(super) fn more_sources(lang: Lang, count: usize) -> String {
    lang.pick(format!("……以及另外 {count} 个源文件"), format!("… and {count} more source{}", plural(count)))
}

pub(super) fn more_files(lang: Lang, count: usize) -> String {
    lang.pick(format!(" 等 {} 个文件", count + 1), format!(" and {count} more file{}", plural(count)))
}

pub(super) fn total_count(lang: Lang, count: usize) -> String {
    lang.pick(format!("共 {count} 项"), format!("{count} in all"))
}

pub(super) fn failed_count(lang: Lang, count: usize) -> String {
    lang.pick(format!("{count} 项失败"), format!("{count} failed"))
}

pub(super) fn succeeded_count(lang: Lang, count: usize) -> String {
    lang.pick(format!("{count} 项成功"), format!("{count} succeeded"))
}

pub(super) fn open_count(lang: Lang, count: usize) -> String {
    lang.pick(format!("{count} 项未完成或不明"), format!("{count} open"))
}

pub(super) fn findings_count(lang: Lang, count: usize) -> String {
    lang.pick(format!("{count} 项内容审核提示"), format!("{count} flagged by moderation"))
}

pub(super) fn findings_title(lang: Lang, count: usize) -> String {
    lang.pick(format!("内容审核提示 {count} 项"), format!("moderation flagged {count}"))
}

/// The line that stands for what did not fit.
pub(super) fn not_shown(lang: Lang, failed: usize, others: usize) -> String {
    let total = failed + others;
    match (failed, lang) {
        (0, Lang::Zh) => format!("……以及另外 {total} 项"),
        (0, Lang::En) => format!("… and {total} more"),
        (_, Lang::Zh) => format!("……以及另外 {total} 项（其中 {failed} 项失败）"),
        (_, Lang::En) => format!("… and {total} more ({failed} failed)"),
    }
}

pub(super) fn items(lang: Lang, count: usize) -> String {
    lang.pick(format!("{count} 条"), format!("{count} item{}", plural(count)))
}

pub(super) fn issues(lang: Lang, count: usize) -> String {
    lang.pick(format!("{count} 类质量问题"), format!("{count} kind{} of quality issue", plural(count)))
}

pub(super) fn score(lang: Lang, value: f64) -> String {
    lang.pick(format!("评分 {value}"), format!("score {value}"))
}

pub(super) fn segments(lang: Lang, count: usize) -> String {
    lang.pick(format!("{count} 处"), format!("{count} place{}", plural(count)))
}

pub(super) fn suggestion(lang: Lang, suggestion: Suggestion) -> &'static str {
    match suggestion {
        Suggestion::Review => lang.pick("建议人工复审", "review advised"),
        Suggestion::Block => lang.pick("建议屏蔽", "block advised"),
    }
}

pub(super) fn verdict_word(lang: Lang, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Waiting => lang.pick("等待中", "waiting"),
        Verdict::Processing => lang.pick("处理中", "in progress"),
        Verdict::Succeeded => lang.pick("成功", "succeeded"),
        Verdict::Partial => lang.pick("部分失败", "partly failed"),
        Verdict::Failed => lang.pick("失败", "failed"),
        Verdict::Unclear => lang.pick("已结束，结果不明", "ended, outcome unclear"),
    }
}

pub(super) fn kind_word(lang: Lang, kind: Kind) -> &'static str {
    match kind {
        Kind::Workflow => lang.pick("工作流任务", "Workflow"),
        Kind::Edit => lang.pick("视频编辑任务", "Edit"),
        Kind::Schedule => lang.pick("编排任务", "Schedule"),
        Kind::Batch => lang.pick("批量任务", "Batch"),
        Kind::Watermark => lang.pick("盲水印提取任务", "Blind watermark extraction"),
    }
}

/// Names of output types, by the platform's word without case and punctuation.
const OUTPUTS: [(&str, &str, &str); 45] = [
    ("transcode", "转码", "Transcode"),
    ("animatedgraphics", "转动图", "Animated picture"),
    ("snapshotbytimeoffset", "时间点截图", "Snapshots by time"),
    ("samplesnapshot", "采样截图", "Sampled snapshots"),
    ("imagesprites", "雪碧图", "Image sprites"),
    ("coverbysnapshot", "截图作封面", "Cover snapshot"),
    ("adaptivedynamicstreaming", "自适应码流", "Adaptive streaming"),
    ("editmedia", "视频编辑", "Edited video"),
    ("extractblindwatermark", "盲水印提取", "Blind watermark"),
    ("aicontentreview", "内容审核", "Moderation"),
    ("porn", "色情审核（画面）", "Moderation: porn"),
    ("terrorism", "暴恐审核（画面）", "Moderation: terrorism"),
    ("political", "不适宜审核（画面）", "Moderation: political"),
    ("pornasr", "色情审核（语音）", "Moderation: porn, speech"),
    ("politicalasr", "不适宜审核（语音）", "Moderation: political, speech"),
    ("prohibitedasr", "违禁审核（语音）", "Moderation: prohibited, speech"),
    ("pornocr", "色情审核（文字）", "Moderation: porn, text"),
    ("politicalocr", "不适宜审核（文字）", "Moderation: political, text"),
    ("terrorismocr", "暴恐审核（文字）", "Moderation: terrorism, text"),
    ("prohibitedocr", "违禁审核（文字）", "Moderation: prohibited, text"),
    ("aianalysis", "智能分析", "Analysis"),
    ("classification", "智能分类", "Classification"),
    ("cover", "智能封面", "Cover"),
    ("tag", "智能标签", "Tags"),
    ("frametag", "按帧标签", "Frame tags"),
    ("highlight", "精彩集锦", "Highlights"),
    ("delogo", "去水印", "Logo removal"),
    ("description", "智能描述", "Description"),
    ("dubbing", "译制", "Dubbing"),
    ("videoremake", "视频去重", "Remake"),
    ("videocomprehension", "视频理解", "Comprehension"),
    ("segmentrecognition", "智能拆条", "Segments"),
    ("headtailrecognition", "片头片尾识别", "Head and tail"),
    ("horizontaltovertical", "横转竖", "Horizontal to vertical"),
    ("airecognition", "智能识别", "Recognition"),
    ("facerecognition", "人脸识别", "Faces"),
    ("asrwordsrecognition", "语音关键词识别", "Spoken keywords"),
    ("asrfulltextrecognition", "语音全文识别", "Speech to text"),
    ("ocrwordsrecognition", "文本关键词识别", "Written keywords"),
    ("ocrfulltextrecognition", "文本全文识别", "Text in picture"),
    ("transtextrecognition", "语音翻译识别", "Speech translation"),
    ("objectrecognition", "物体识别", "Objects"),
    ("aiqualitycontrol", "媒体质检", "Quality control"),
    ("smartsubtitles", "智能字幕", "Subtitles"),
    ("smarterase", "智能擦除", "Erasing"),
];

/// The name of an output type, if it is a known one.
pub(super) fn output_word(lang: Lang, kind: &str) -> Option<&'static str> {
    let kind = crate::json::normal(kind);
    OUTPUTS.iter().find(|(known, ..)| *known == kind).map(|(_, zh, en)| lang.pick(*zh, *en))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
