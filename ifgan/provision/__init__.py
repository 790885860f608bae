"""From an empty Google Cloud project to one that runs the pipeline, step by step.

python -m ifgan.provision backend=vertex project=my-project-123            prints the steps
python -m ifgan.provision backend=vertex project=my-project-123 apply=true executes them

options     what may be chosen, checked before it reaches a command
plan        steps, commands and checks as data
google      what both backends need: APIs, bucket, registry, service account, images
vertex, kubeflow    the plan of each backend
bucket      the bucket, through google-cloud-storage
apply       prints a plan, or executes it
"""
