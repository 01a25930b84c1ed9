// Runs a Node.js handler under the custom runtime API of the local cloud.
const http = require("node:http");
const path = require("node:path");

const agent = new http.Agent({ keepAlive: true });

function call(method, name, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: process.env.SCF_RUNTIME_API, port: process.env.SCF_RUNTIME_API_PORT, path: "/runtime/" + name, method, agent },
      (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(chunks).toString() }));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

async function main() {
  const [file, method] = process.env._HANDLER.split(".");
  const handler = require(path.join(process.env.USER_CODE_ROOT, file))[method];
  await call("POST", "init/ready", " ");
  for (;;) {
    const { headers, body } = await call("GET", "invocation/next");
    const context = {
      request_id: headers.request_id,
      memory_limit_in_mb: Number(headers.memory_limit_in_mb),
      time_limit_in_ms: Number(headers.time_limit_in_ms),
      function_name: process.env.SCF_FUNCTIONNAME,
      function_version: process.env.SCF_FUNCTIONVERSION,
      namespace: process.env.SCF_NAMESPACE,
    };
    try {
      const result = await new Promise((resolve, reject) => {
        const callback = (error, value) => (error ? reject(error) : resolve(value));
        const promise = handler(JSON.parse(body), context, callback);
        if (promise && promise.then) promise.then(resolve, reject);
        else if (handler.length < 3) resolve(promise);
      });
      await call("POST", "invocation/response", JSON.stringify(result) ?? "null");
    } catch (error) {
      console.error(error);
      await call("POST", "invocation/error", String((error && error.stack) || error));
    }
  }
}

main();
