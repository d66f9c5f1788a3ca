-- Sends the requests of a file, in the order of the file, and prints what came of it as one line of JSON.
-- wrk -s feed.lua URL -- FILE OFFSET: FILE holds each request as its length, a line end, and its bytes; the first one
-- sent is the one at OFFSET. Nothing is formatted while the clock runs, and reading the file is not counted.
-- ... FILE OFFSET never-same: a request that comes round again differs in the type of its resource, which is `resource`
-- the first time round, and then `resour01`, `resour02`, ...; the rounds of one run of wrk are two at most

local threads = {}
local requests, position = {}, 0

function setup(thread)
  threads[#threads + 1] = thread
end

function as_of(text, round)
  if round == 0 then return text end
  return (text:gsub('"type":"resource"', string.format('"type":"resour%02d"', round % 100), 1))
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*l")
    if not length then break end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
  local offset = tonumber(args[2] or 0)
  position = offset % #requests
  if args[3] == "never-same" then
    local round = math.floor(offset / #requests)
    for number, text in ipairs(requests) do
      requests[number] = as_of(text, number > position and round or round + 1)
    end
  end
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
