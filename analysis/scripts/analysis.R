# Reproduce the effects of the trial's endpoints from adsl.csv alone; the primary endpoint comes first.
# R 4.0 or newer, base only:  Rscript analysis.R

population <- "@POPULATION@"
endpoints <- strsplit("@ENDPOINTS@", " ")[[1]]
leave_out_withdrawn <- "@LEAVE_OUT_WITHDRAWN@" == "yes"
arms <- c("Screening arm", "Control arm")
z <- qnorm(0.975)
none <- c(NA, NA, NA)

# Events and people in the screening arm, then in the control arm.
counts <- function(rows, event) {
  people <- rows[rows[[population]] == "Y", ]
  if (leave_out_withdrawn) people <- people[people[[event]] == "Y" | people$WITHDRFL != "Y", ]
  as.numeric(unlist(lapply(arms, function(arm) {
    mine <- people$TRT01P == arm
    c(sum(people[[event]][mine] == "Y"), sum(mine))
  })))
}

on_log_scale <- function(value, se) c(value, value * exp(-z * se), value * exp(z * se))

# Odds ratio ad/bc with Woolf's limits; no limits beside an empty cell.
odds_ratio <- function(a, n, c_, m) {
  b <- n - a
  d <- m - c_
  if (n == 0 || m == 0 || (a == 0 && c_ == 0) || (b == 0 && d == 0)) return(none)
  if (any(c(a, b, c_, d) == 0)) return(c(if (b == 0 || c_ == 0) Inf else 0, NA, NA))
  on_log_scale(a * d / (b * c_), sqrt(1 / a + 1 / b + 1 / c_ + 1 / d))
}

# Risk ratio with limits on the log scale (Katz); no limits beside an empty cell.
risk_ratio <- function(a, n, c_, m) {
  if (n == 0 || m == 0 || (a == 0 && c_ == 0)) return(none)
  value <- if (c_ == 0) Inf else (a / n) / (c_ / m)
  if (a == 0 || c_ == 0 || (a == n && c_ == m)) return(c(value, NA, NA))
  on_log_scale(value, sqrt(1 / a - 1 / n + 1 / c_ - 1 / m))
}

# Risk difference with Wald's limits.
wald <- function(a, n, c_, m) {
  if (n == 0 || m == 0) return(none)
  value <- a / n - c_ / m
  se <- sqrt(a * (n - a) / n^3 + c_ * (m - c_) / m^3)
  if (se == 0) c(value, NA, NA) else c(value, value - z * se, value + z * se)
}

# Limits of one share.
wilson <- function(events, n) {
  p <- events / n
  half <- z * sqrt(p * (1 - p) / n + z^2 / (4 * n^2))
  (p + z^2 / (2 * n) + c(-half, half)) / (1 + z^2 / n)
}

# Risk difference with the limits of two Wilson intervals (Newcombe 1998, method 10).
newcombe <- function(a, n, c_, m) {
  if (n == 0 || m == 0) return(none)
  p <- a / n
  q <- c_ / m
  mine <- wilson(a, n)
  theirs <- wilson(c_, m)
  c(p - q, p - q - sqrt((p - mine[1])^2 + (theirs[2] - q)^2), p - q + sqrt((mine[2] - p)^2 + (q - theirs[1])^2))
}

# Score of a supposed difference, its variance from the likeliest risks under it.
score <- function(a, n, c_, m, delta) {
  total <- n + m
  k2 <- ((n + 2 * m) * delta - total - a - c_) / (3 * total)
  k1 <- ((m * delta - total - 2 * c_) * delta + a + c_) / (3 * total)
  k0 <- c_ * delta * (1 - delta) / total
  q <- k2^3 - 1.5 * k1 * k2 + k0 / 2
  p <- sqrt(max(k2^2 - k1, 0)) * if (q < 0) -1 else 1
  angle <- if (p == 0) 0 else acos(min(max(q / p^3, -1), 1))
  theirs <- min(max(2 * p * cos((pi + angle) / 3) - k2, 0), 1)
  mine <- min(max(theirs + delta, 0), 1)
  variance <- (mine * (1 - mine) / n + theirs * (1 - theirs) / m) * total / (total - 1)
  off <- a / n - c_ / m - delta
  if (variance <= 0) return(if (off == 0) 0 else sign(off) * Inf)
  off / sqrt(variance)
}

# Where a falling function crosses zero.
bisect <- function(falling, low, high) {
  for (i in seq_len(200)) {
    middle <- (low + high) / 2
    if (middle == low || middle == high) break
    if (falling(middle) > 0) low <- middle else high <- middle
  }
  (low + high) / 2
}

# Risk difference with score limits (Miettinen and Nurminen 1985).
miettinen_nurminen <- function(a, n, c_, m) {
  if (n == 0 || m == 0) return(none)
  value <- a / n - c_ / m
  low <- bisect(function(delta) score(a, n, c_, m, delta) - z, -1, value)
  c(value, low, bisect(function(delta) score(a, n, c_, m, delta) + z, value, 1))
}

# Two-sided p of Pearson's chi-square without correction.
pearson <- function(a, n, c_, m) {
  events <- a + c_
  total <- n + m
  if (any(c(n, m, events, total - events) == 0)) return(none)
  difference <- a * (m - c_) - c_ * (n - a)
  statistic <- total * difference^2 / n / m / events / (total - events)
  c(pchisq(statistic, 1, lower.tail = FALSE), NA, NA)
}

measures <- list(
  list("odds_ratio", "Woolf", odds_ratio),
  list("risk_ratio", "log (Katz)", risk_ratio),
  list("risk_difference", "Miettinen-Nurminen", miettinen_nurminen),
  list("risk_difference", "Newcombe", newcombe),
  list("risk_difference", "Wald", wald),
  list("p", "Pearson chi-square, no correction", pearson)
)

# A number at full precision; nothing for what is undefined.
shown <- function(number) ifelse(is.na(number), "", ifelse(is.infinite(number), "Inf", sprintf("%.15g", number)))

quoted <- function(text) if (grepl(",", text)) paste0('"', text, '"') else text

folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1]))
rows <- read.csv(file.path(folder, "adsl.csv"), colClasses = "character", na.strings = character())
cat("endpoint,measure,method,value,low,high\n")
for (event in endpoints) {
  table <- counts(rows, event)
  names <- c("events_screening", "people_screening", "events_control", "people_control")
  for (i in seq_along(table)) cat(event, ",", names[i], ",count,", sprintf("%.0f", table[i]), ",,\n", sep = "")
  for (measure in measures) {
    found <- measure[[3]](table[1], table[2], table[3], table[4])
    cat(paste(c(event, measure[[1]], quoted(measure[[2]]), shown(found)), collapse = ","), "\n", sep = "")
  }
}
