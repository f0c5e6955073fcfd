# The tables of the report from the frozen CSV, the paper's way: R's glm, confint.default, anova and the usual tests.
# Rscript report.R dataset.csv  prints the seconds that it took, then an odds ratio a line.
library(survival)
start <- proc.time()[["elapsed"]]
path <- commandArgs(trailingOnly = TRUE)[1]
everybody <- read.csv(path, stringsAsFactors = FALSE, encoding = "UTF-8")
yes <- function(x) x == "True"
people <- everybody[everybody$arm != "", ]
people$screening <- as.integer(people$arm == "screening")
people$age_group <- cut(people$age, c(-Inf, 65, 75, Inf), right = FALSE)
people$bmi_group <- cut(people$bmi, c(-Inf, 18.5, 24, Inf), right = FALSE)
people$films <- cut(people$films_counted, c(0, 2, 4, 6, Inf), right = FALSE)
people$positive_films <- people$films_positive >= 0.8 * people$films_counted
control <- glm.control(epsilon = 1e-14, maxit = 100)
fit <- function(formula, data) suppressWarnings(glm(formula, family = binomial, data = data, control = control))

drugs <- c("denosumab", "romosozumab", "bisphosphonate", "parathyroid_hormone", "serm")
happened <- c(
  lapply(c(dxa = "dxa", dxa_trial = "dxa_trial", dxa_physician = "dxa_physician",
           dxa_lumbar_spine = "dxa_lumbar_spine", dxa_hip = "dxa_hip", osteoporosis = "osteoporosis",
           osteoporosis_lumbar_spine = "osteoporosis_lumbar_spine", osteoporosis_hip = "osteoporosis_hip",
           treated = "treated"), function(name) yes(people[[name]])),
  setNames(lapply(drugs, function(drug) grepl(drug, people$drugs)), paste0("drug_", drugs))
)

# Effects: odds ratio with Wald limits, risk ratio, risk difference, Pearson, Fisher.
effect <- function(event, among = TRUE) {
  data <- data.frame(event = event, screening = people$screening)[among, ]
  model <- fit(event ~ screening, data)
  table <- table(factor(data$screening, 0:1), factor(data$event, c(FALSE, TRUE)))
  ratio <- fit(event ~ screening, data)$fitted.values
  suppressWarnings({
    prop.test(table[, 2], rowSums(table), correct = FALSE)
    chisq.test(table, correct = FALSE)
  })
  fisher.test(table)
  c(exp(coef(model)[["screening"]]), exp(confint.default(model)["screening", ]), range(ratio))
}
found <- lapply(happened, effect)

# Subgroups: each level, and the interaction by Wald and by likelihood ratio.
iscd <- yes(people$iscd_age_sex)
for (name in c("dxa", "osteoporosis", "treated")) {
  for (level in c(FALSE, TRUE)) {
    found[[paste(name, c("not_meeting", "meeting")[level + 1], sep = ":")]] <- effect(happened[[name]], iscd == level)
  }
  data <- data.frame(event = happened[[name]], screening = people$screening, level = iscd)
  both <- fit(event ~ screening * level, data)
  invisible(coef(summary(both)))
  invisible(anova(fit(event ~ screening + level, data), both, test = "LRT"))
}

# Table 1: shares and means by arm, with their tests; Fisher's where a count of four is expected below 5.
conditions <- c("fracture", "fracture_hip", "fracture_wrist", "fracture_vertebra", "fracture_shoulder",
                "fracture_lower_leg", "fracture_osteoporotic", "secondary_osteoporosis", "hyperparathyroidism",
                "hyperthyroidism", "multiple_myeloma", "cushing_disease", "celiac_disease", "rheumatoid_arthritis",
                "glucocorticoids")
balance <- function(table) suppressWarnings({
  test <- chisq.test(table, correct = FALSE)
  if (all(dim(table) == 2) && any(test$expected < 5)) fisher.test(table) else test
})
for (name in c("films", "positive_films", "sex", "age_group", "bmi_group", conditions)) {
  shown <- table(people$arm, people[[name]])
  prop.table(shown, 1)
  if (ncol(shown) > 1) balance(shown)
}
for (name in c("age", "bmi")) {
  tapply(people[[name]], people$arm, function(x) c(mean(x, na.rm = TRUE), sd(x, na.rm = TRUE)))
  t.test(people[[name]] ~ people$arm, var.equal = TRUE)
}

# Uptake: each predictor by examined, detected given examined, treated given detected.
invited <- people[people$screening == 1, ]
steps <- list(list(rep(TRUE, nrow(invited)), yes(invited$dxa_trial)),
              list(yes(invited$dxa_trial), yes(invited$osteoporosis_trial)),
              list(yes(invited$osteoporosis_trial), yes(invited$treated)))
for (name in c("iscd_age_sex", "films", "positive_films", "sex", "age_group", "bmi_group", "fracture",
               "secondary_osteoporosis", "rheumatoid_arthritis", "glucocorticoids")) {
  for (step in steps) {
    shown <- table(invited[[name]][step[[1]]], step[[2]][step[[1]]])
    if (all(dim(shown) > 1)) balance(shown)
  }
}

# Times to events: Kaplan-Meier at each day, Cox and log-rank; who had it before that day counts on day 0.
day <- function(x) as.integer(as.Date(x, optional = TRUE))
days <- list(dxa = day(people$dxa_on), osteoporosis = day(people$osteoporosis_on))
for (on in days) {
  left <- pmax(0, ifelse(is.na(on), day(people$followed_to), on) - day(people$randomized_on))
  times <- Surv(left, !is.na(on))
  summary(survfit(times ~ people$screening))
  coxph(times ~ people$screening, ties = "efron")
  survdiff(times ~ people$screening)
}

# Adjusted for sex and age group; then the flow's counts.
invisible(coef(summary(fit(happened$osteoporosis ~ screening + sex + age_group, people))))
invisible(table(everybody$eligible, everybody$risk_class, everybody$arm))

cat("seconds", proc.time()[["elapsed"]] - start, fill = TRUE)
for (name in names(found)) cat(name, format(found[[name]][1], digits = 15), fill = TRUE)
