-- For Kong's plugin `post-function`, phase `access`: asks Cordon by AuthZEN about every request. It runs after the plugins
-- that say who the client is. Written from Kong's documentation, for version 3.4 or later; kong.conf needs
--   untrusted_lua_sandbox_requires = resty.http,cjson.safe
local http = require("resty.http")
local json = require("cjson.safe")

local CORDON = "http://127.0.0.1:8080/access/v1/evaluation"
local RESOURCE, ACTION = "quill-large", "use"
local CONTACT = "compliance@quillmere.example"
local BLOCKED_BY = '<https://quillmere.example/compliance>; rel="blocked-by"'
local HEADERS_LIMIT = 1000
local PATIENCE_MS = 250

local function refuse(status, title, context)
  local _, reason = next(context.reason_user or {})
  local document = {
    type = "about:blank", title = title, status = status, detail = reason,
    decision_id = context.decision_id, contact = CONTACT,
  }
  return kong.response.exit(status, json.encode(document), {
    ["Content-Type"] = "application/problem+json",
    ["Cache-Control"] = "no-store",
    ["Link"] = status == 451 and BLOCKED_BY or nil,
  })
end

-- Nothing that a client sends counts under a name of Cordon's own, nor under one that looks like it.
local headers, fault = kong.request.get_headers(HEADERS_LIMIT)
if fault then
  return refuse(431, "Request Header Fields Too Large", {})
end
for name in pairs(headers) do
  if name:lower():find("cordon", 1, true) then
    kong.service.request.clear_header(name)
  end
end

-- A client without a consumer is of no registered kind, and so an account that is not known.
local consumer = kong.client.get_consumer()
local subject = { type = "anonymous", id = "anonymous" }
if consumer then
  subject = { type = "account", id = consumer.custom_id or consumer.username }
end

local client = http.new()
client:set_timeouts(100, PATIENCE_MS, PATIENCE_MS)
local answer = client:request_uri(CORDON, {
  method = "POST",
  keepalive_timeout = 60000,
  keepalive_pool = 64,
  headers = { ["Content-Type"] = "application/json" },
  body = json.encode({
    subject = subject,
    resource = { type = "resource", id = RESOURCE },
    action = { name = ACTION },
    context = { ip = kong.client.get_forwarded_ip() },
  }),
})

local said = answer and answer.status == 200 and json.decode(answer.body)
local context = type(said) == "table" and said.context
if type(context) ~= "table" or not context.effect then
  return refuse(503, "Service Unavailable", {})
end
if said.decision ~= true then
  local title = context.effect == "challenge" and "Confirmation required" or "Access denied"
  return refuse(context.status or 403, title, context)
end
kong.service.request.set_header("X-Cordon-Decision-Id", context.decision_id)
kong.service.request.set_header("X-Cordon-Effect", context.effect)
