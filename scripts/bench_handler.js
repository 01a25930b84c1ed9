// The job of crates/handler as one would write it in plain Node.js: the other column of bench_handler.py. It reads a
// WorkflowTask event, lists the outputs in a markdown message, posts it to a WeCom robot and judges the answer's
// errcode. Only the `http` module: it pays neither for TLS nor for packages, which a deployed one would.
"use strict";

const http = require("node:http");

const runtime = `http://${process.env.SCF_RUNTIME_API}:${process.env.SCF_RUNTIME_API_PORT}/runtime`;
const robots = process.env.WECOM_WEBHOOK_URL.split(",");
// WeCom's limit for markdown, in bytes of UTF-8.
const LONGEST_MESSAGE = 4096;
let turn = 0;

function call(method, url, body) {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
    const request = http.request(url, { method, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const address = (storage, path) => `https://${storage.Bucket}.cos.${storage.Region}.myqcloud.com${encodeURI(path)}`;
const link = (storage, path) => `[${path.split("/").pop()}](${address(storage, path)})`;

// One member of MediaProcessResultSet: which of its tasks is set depends on its type.
function line(result) {
  const task = result.TranscodeTask || result.AnimatedGraphicTask || result.SnapshotByTimeOffsetTask ||
    result.SampleSnapshotTask || result.ImageSpriteTask;
  const name = `${result.Type} #${task.Input.Definition}`;
  if (task.Status !== "SUCCESS") {
    return `❌ <font color="warning">${name}</font>：${task.ErrCode}：${task.Message}`;
  }
  const output = task.Output;
  const storage = (output.OutputStorage || output.Storage).CosOutputStorage;
  const pictures = (output.PicInfoSet || []).map((picture) => picture.Path);
  const paths = output.Path ? [output.Path] : output.ImagePathSet || pictures;
  const size = output.Size ? ` · ${(output.Size / 1048576).toFixed(1)} MB` : "";
  return `✅ ${name}：${paths.map((path) => link(storage, path)).join(" ")}${size}`;
}

function message(event) {
  const task = event.WorkflowTaskEvent;
  const results = task.MediaProcessResultSet;
  const failed = results.filter((result) => line(result).startsWith("❌")).length;
  const source = task.InputInfo.CosInputInfo;
  const text = [
    failed || task.ErrCode ? "### ⚠️ 工作流任务 <font color=\"warning\">失败</font>" : "### ✅ 工作流任务 成功",
    `> 源文件：[${source.Object}](${address(source, source.Object)})`,
    `> 结果：共 ${results.length} 项 · ${failed} 项失败`,
    "",
    ...results.map(line),
    "",
    `> 任务 ID：\`${task.TaskId}\``,
  ].join("\n");
  return Buffer.from(text).subarray(0, LONGEST_MESSAGE).toString();
}

async function handle(event) {
  const robot = robots[turn++ % robots.length];
  const body = JSON.stringify({ msgtype: "markdown", markdown: { content: message(event) } });
  const answer = JSON.parse((await call("POST", robot, body)).text);
  if (answer.errcode !== 0) {
    throw new Error(`WeCom answered ${answer.errcode}: ${answer.errmsg}`);
  }
}

async function main() {
  await call("POST", `${runtime}/init/ready`, " ");
  for (;;) {
    const next = await call("GET", `${runtime}/invocation/next`, "");
    try {
      await handle(JSON.parse(next.text));
      console.log(JSON.stringify({ level: "info", message: "message delivered", request_id: next.headers.request_id }));
      await call("POST", `${runtime}/invocation/response`, JSON.stringify({ message: "posted" }));
    } catch (error) {
      await call("POST", `${runtime}/invocation/error`, String(error));
    }
  }
}

main();
