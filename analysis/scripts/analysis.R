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

# Every number of events the screening arm can have beside both margins, and its chances by the log odds ratio.
given_margins <- function(a, n, c_, m) {
  possible <- max(0, a + c_ - m):min(n, a + c_)
  ways <- -lgamma(possible + 1) - lgamma(n - possible + 1)
  ways <- ways - lgamma(a + c_ - possible + 1) - lgamma(m - a - c_ + possible + 1)
  list(possible = possible, chances = function(log_ratio) {
    logs <- ways + log_ratio * possible
    weights <- exp(logs - max(logs))
    weights / sum(weights)
  })
}

# Odds ratio by its conditional likelihood, with Cornfield's exact limits.
exact_conditional <- function(a, n, c_, m) {
  if (n == 0 || m == 0 || a + c_ == 0 || a + c_ == n + m) return(none)
  given <- given_margins(a, n, c_, m)
  possible <- given$possible
  ratio <- function(falling, zero, infinite) {
    if (zero || infinite) return(if (infinite) Inf else 0)
    exp(bisect(falling, -60, 60))
  }
  lowest <- a == min(possible)
  highest <- a == max(possible)
  low <- ratio(function(t) 0.025 - sum(given$chances(t)[possible >= a]), lowest, FALSE)
  high <- ratio(function(t) sum(given$chances(t)[possible <= a]) - 0.025, FALSE, highest)
  c(ratio(function(t) a - sum(given$chances(t) * possible), lowest, highest), low, high)
}

# Risk ratio with limits on the log scale (Katz); no limits beside an empty cell.
risk_ratio <- function(a, n, c_, m) {
  if (n == 0 || m == 0 || (a == 0 && c_ == 0)) return(none)
  value <- if (c_ == 0) Inf else (a / n) / (c_ / m)
  if (a == 0 || c_ == 0 || (a == n && c_ == m)) return(c(value, NA, NA))
  on_log_scale(value, sqrt(1 / a - 1 / n + 1 / c_ - 1 / m))
}

# Risk ratio with score limits: Koopman 1984, or with the factor of Miettinen and Nurminen 1985.
score_ratio <- function(factor) function(a, n, c_, m) {
  if (n == 0 || m == 0 || a + c_ == 0) return(none)
  score <- function(ratio) {
    half_b <- -(n * ratio + a + m + c_ * ratio) / 2
    total <- n + m
    risk <- (-half_b - sqrt(max(half_b^2 - total * ratio * (a + c_), 0))) / (total * ratio)
    if (ratio == 0) risk <- c_ / m
    mine <- min(risk * ratio, 1)
    theirs <- min(risk, 1)
    standardized(a / n - ratio * c_ / m, (mine * (1 - mine) / n + ratio^2 * theirs * (1 - theirs) / m) * factor(total))
  }
  limit <- function(target) {
    share <- bisect(function(u) score(u / (1 - u)) - target, 0, 1)
    share / (1 - share)
  }
  c(if (c_ == 0) Inf else (a / n) / (c_ / m), if (a == 0) 0 else limit(z), if (c_ == 0) Inf else limit(-z))
}
koopman <- score_ratio(function(total) 1)
corrected_score <- score_ratio(function(total) total / (total - 1))

standardized <- function(off, variance) {
  if (variance <= 0) return(if (off == 0) 0 else sign(off) * Inf)
  off / sqrt(variance)
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
  standardized(a / n - c_ / m - delta, variance)
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

# Two-sided p of Pearson's chi-square, at most `correction` taken off each difference (0.5: Yates).
pearson <- function(correction) function(a, n, c_, m) {
  events <- a + c_
  total <- n + m
  if (any(c(n, m, events, total - events) == 0)) return(none)
  difference <- abs(a * (m - c_) - c_ * (n - a)) / total
  statistic <- total^3 * (difference - min(correction, difference))^2 / n / m / events / (total - events)
  c(pchisq(statistic, 1, lower.tail = FALSE), NA, NA)
}

# The chance of the other tables that are no likelier than the one seen, and that of the one seen.
no_likelier <- function(a, n, c_, m) {
  given <- given_margins(a, n, c_, m)
  chances <- given$chances(0)
  seen <- chances[given$possible == a]
  others <- chances[given$possible != a]
  c(sum(others[others <= seen * (1 + 1e-7)]), seen)
}

# Fisher's exact p.
fisher <- function(a, n, c_, m) c(sum(no_likelier(a, n, c_, m)), NA, NA)

# Fisher's exact p less half the chance of the table seen.
mid_p <- function(a, n, c_, m) {
  if (n == 0 || m == 0 || a + c_ == 0 || a + c_ == n + m) return(none)
  c(sum(no_likelier(a, n, c_, m) * c(1, 0.5)), NA, NA)
}

measures <- list(
  list("odds_ratio", "Woolf", odds_ratio),
  list("odds_ratio", "exact conditional", exact_conditional),
  list("risk_ratio", "log (Katz)", risk_ratio),
  list("risk_ratio", "Koopman", koopman),
  list("risk_ratio", "Miettinen-Nurminen", corrected_score),
  list("risk_difference", "Miettinen-Nurminen", miettinen_nurminen),
  list("risk_difference", "Newcombe", newcombe),
  list("risk_difference", "Wald", wald),
  list("p", "Pearson chi-square, no correction", pearson(0)),
  list("p", "Pearson chi-square, Yates correction", pearson(0.5)),
  list("p", "Fisher exact", fisher),
  list("p", "Fisher mid-p", mid_p)
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
