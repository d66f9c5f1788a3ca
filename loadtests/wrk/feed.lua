-- Sends the requests of a file, in the order of the file, and prints what came of it as one line of JSON.
-- wrk -s feed.lua URL -- FILE OFFSET: FILE holds each request as its length, a line end, and its bytes; the first one
-- sent is the one at OFFSET. Nothing is formatted while the clock runs, and reading the file is not counted.

local threads = {}
local requests, position = {}, 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*l")
    if not length then break end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
  position = tonumber(args[2] or 0) % #requests
  clock_at_start = os.clock()
end

function request()
  position = position + 1
  local found = requests[position]
  if position == #requests then position = 0 end
  return found
end

function done(summary, latency)
  local errors = summary.errors
  local cpu_us = (os.clock() - threads[1]:get("clock_at_start")) * 1e6
  io.write(string.format(
    'JSON {"requests":%d,"duration_us":%d,"cpu_us":%d,"p50_us":%.1f,"p90_us":%.1f,"p99_us":%.1f,"max_us":%.1f,' ..
    '"non_2xx":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.duration, cpu_us, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency.max, errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
