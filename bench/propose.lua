-- Proposes projects without end: a new idempotency key and a new name each time.
-- AREA, TOKEN and RUN come from the environment; the last line printed is the result as JSON.

local area, run = os.getenv("AREA"), os.getenv("RUN")
local count = 0
local headers = {
  ["Authorization"] = "Bearer " .. os.getenv("TOKEN"),
  ["Content-Type"] = "application/json",
}
local body = '{"area":"' .. area .. '","year":2020,"name":"bench %s-%d","kind":"infrastructure",'
  .. '"purpose":"insurance","occurred_on":"2020-03-16"}'

request = function()
  count = count + 1
  headers["Idempotency-Key"] = run .. "-" .. count
  return wrk.format("POST", nil, headers, string.format(body, run, count))
end

done = function(summary, latency, requests)
  local e = summary.errors
  local refused = e.status + e.connect + e.read + e.write + e.timeout
  io.write(string.format(
    '{"requests":%d,"s":%f,"refused":%d,"p50_ms":%f,"p99_ms":%f}\n',
    summary.requests, summary.duration / 1e6, refused,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
